"""Presets, one YAML each."""
