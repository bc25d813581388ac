"""The field's harnesses as tasks: lm-eval and evalplus."""
