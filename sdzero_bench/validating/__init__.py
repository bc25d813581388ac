"""Records held against themselves: every figure recomputed from the journal, every journal from its digest."""
