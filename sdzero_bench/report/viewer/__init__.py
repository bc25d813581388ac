"""Every sample of one or several runs on one page: `sdzero-bench view`."""
