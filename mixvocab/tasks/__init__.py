"""Fine-tuning on tasks: GLUE, and intents with slots."""
