"""The embedded model, and the problems that it was trained on."""
