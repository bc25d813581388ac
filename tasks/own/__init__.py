"""What the task of a user's own question file is made with."""
