"""What a run will cost: samples, tokens, hours, memory, disk."""
