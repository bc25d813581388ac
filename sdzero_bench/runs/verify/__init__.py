"""Verdicts on responses from elsewhere: `sdzero-bench verify`."""
