"""Sweeps: many runs planned, started, monitored, resumed and tuned by one command."""
