"""Types, settings and pure helpers that every other room uses; imports nothing of ours."""
