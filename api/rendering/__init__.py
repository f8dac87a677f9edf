"""Results as JSON, CSV, NDJSON and pages of lists."""
