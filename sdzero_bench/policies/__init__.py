"""Load, adapt, prompt and sample a policy."""
