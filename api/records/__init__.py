"""The checks and the writes of each resource."""
