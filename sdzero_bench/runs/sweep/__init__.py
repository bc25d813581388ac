"""Many runs as one command: planned, started, watched, resumed, tuned."""
