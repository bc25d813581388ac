"""Leaderboards, paired differences, costs and sample efficiency."""
