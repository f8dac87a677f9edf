"""One request, one operation, one response."""
