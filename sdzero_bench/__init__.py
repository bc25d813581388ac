"""sdzero-bench: post-training methods compared under one question set and one sample budget."""

__version__ = "0.1.0"
