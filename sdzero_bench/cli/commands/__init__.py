"""Commands of the command line, one file each; heavy imports live inside their functions."""
