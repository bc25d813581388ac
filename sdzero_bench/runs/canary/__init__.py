"""A frozen policy scored again and compared with a committed record: `sdzero-bench doctor --canary`."""
