"""Programs as answers: taken from a response, run on tests inside the sandbox, judged outside of it."""
