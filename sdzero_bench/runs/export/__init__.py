"""Our tasks and policies for plain lm-eval."""
