"""Checks of a task: `sdzero-bench tasks check`."""
