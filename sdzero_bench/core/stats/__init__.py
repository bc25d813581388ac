"""Estimators, intervals, p-values, and the rule by which a difference is decided."""
