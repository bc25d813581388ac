"""Hold a record against its own journal: `sdzero-bench validate`."""
