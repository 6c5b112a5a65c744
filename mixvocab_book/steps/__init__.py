"""What chapters compute: students of any method, fine-tuned models, exported ones."""
