"""Decide whether a response is right; programs written by a model run in a sandbox."""
