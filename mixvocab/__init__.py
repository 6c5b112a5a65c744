"""Mixed-vocabulary distillation of BERT into models of a few megabytes, and the book around it."""

import os

# Set before anything imports torch: with another job on the cores, OpenMP threads that spin while they
# wait cut a two-core machine's training speed to a tenth.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
