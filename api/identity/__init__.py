"""One record for each person and each source: merges, splits, and what keeps two records apart."""
