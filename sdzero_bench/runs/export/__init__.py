"""Exports our tasks for use with plain lm-eval."""
