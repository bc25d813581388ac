"""Types, settings and pure helpers that all other rooms use; imports none of them."""
