-- What was answered when a request came first, after its lock is had: an earlier look could miss
-- what was just committed.
SELECT k.request_sha256, k.resource_id, k.body
FROM idempotency_keys k
WHERE k.key_id = %(key_id)s AND k.path = %(path)s AND k.idempotency_key = %(idempotency_key)s
