"""Read-only views of records."""
