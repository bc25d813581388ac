"""Packages that `sdzero-bench new` writes, as templates."""
