"""The rule, and its stored results."""
