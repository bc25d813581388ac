"""Programs: what of a response is one, the forms of tests, what counts as passed."""
