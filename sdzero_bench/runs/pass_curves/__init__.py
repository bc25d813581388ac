"""Draw many samples of trained policies and of their base, for pass@k curves: `sdzero-bench passk`."""
