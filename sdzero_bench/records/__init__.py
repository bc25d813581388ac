"""Everything that a run writes: typed, versioned, each sample once."""
