"""Killed runs, damaged files, hostile programs and very many samples: nothing may be lost, and nothing differ silently."""
