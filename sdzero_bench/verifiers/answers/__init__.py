"""Read mathematical answers strictly, and decide whether two of them are equal."""
