"""Measure policies: avg@k, pass@k, maj@k, revision, localisation."""
