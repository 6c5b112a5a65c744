"""One file a system: each names its teacher, its student and its loss, and nothing else."""
