"""openapi.yaml, read and enforced."""
