"""Configurations for accelerate: one YAML file per kind of data parallelism."""
