-- Gets the stored response to an idempotency key. It is a statement after the lock, because a
-- statement that also locked could miss what was committed meanwhile.
SELECT k.request_sha256, k.resource_id, k.body
FROM idempotency_keys k
WHERE k.key_id = %(key_id)s AND k.path = %(path)s AND k.idempotency_key = %(idempotency_key)s
