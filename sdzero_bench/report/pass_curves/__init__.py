"""pass@k of trained policies and their base as a table and a figure: `sdzero-bench passk`."""
