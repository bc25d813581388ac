"""Evaluation harnesses as tasks: lm-eval and EvalPlus."""
