"""Sampling engines behind one interface: transformers, vLLM in process, vLLM servers."""
