"""Post-training methods, one file each."""
