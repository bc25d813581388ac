"""What a run will cost, computed from its settings alone: samples, tokens, memory, time and disk."""
