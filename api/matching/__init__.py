"""Record linkage of people by their names."""
