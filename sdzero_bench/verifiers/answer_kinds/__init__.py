"""Kinds of answers: how one is asked for, found in a response, read, and compared with the gold answer."""
