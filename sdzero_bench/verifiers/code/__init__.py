"""Verify programs: extract them from responses, run them on their tests, compare the results."""
