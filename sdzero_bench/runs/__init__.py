"""Configure, execute, evaluate, plan and sweep."""
