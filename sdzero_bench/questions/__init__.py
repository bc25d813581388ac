"""What tasks are made of: question sets, YAML and own files, programs with tests, harnesses, proofs."""
