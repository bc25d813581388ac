"""The parts of the task file:PATH, a user's own questions."""
