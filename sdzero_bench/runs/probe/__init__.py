"""Before training: is the test set in the base model, and is the base measured low? `sdzero-bench probe`."""
