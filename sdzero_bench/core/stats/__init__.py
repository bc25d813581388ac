"""Estimators and intervals: what is computed, when it applies, its formula and source."""
