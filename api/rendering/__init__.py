"""Results as JSON, rows of tables and pages of lists."""
