"""One YAML file for each table and figure of the paper, and for each question it leaves open; claims.yaml: what it says."""
