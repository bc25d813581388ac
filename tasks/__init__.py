"""The tasks, one file per family."""
