"""The rule, and what is stored of it."""
