"""Pages that reports are put into."""
