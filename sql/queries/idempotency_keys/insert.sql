-- Stores the response to a write under its idempotency key.
INSERT INTO idempotency_keys (
    key_id, path, idempotency_key, request_sha256, resource_id, body, is_proposal
)
VALUES (
    %(key_id)s, %(path)s, %(idempotency_key)s, %(request_sha256)s, %(resource_id)s, %(body)s,
    %(is_proposal)s
)
