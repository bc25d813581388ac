"""What a probe of a base found, in tables and words: `sdzero-bench probe`."""
