"""Random input for everything that reads what others have written: each piece gets a verdict or an error in one line."""
