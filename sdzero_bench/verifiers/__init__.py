"""Decide, safely, whether a response is right."""
