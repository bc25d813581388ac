"""Entries of others: `sdzero-bench submit`."""
