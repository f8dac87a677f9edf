"""Tables: objects as CSV, NDJSON and workbooks."""
