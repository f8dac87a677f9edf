-- Gets the stored response to an idempotency key.
-- It runs after the statement that locks the key: one statement for both would take its snapshot before
-- the lock, and could miss a response that was committed in between.
SELECT k.request_sha256, k.resource_id, k.body, k.is_proposal
FROM idempotency_keys k
WHERE k.key_id = %(key_id)s AND k.path = %(path)s AND k.idempotency_key = %(idempotency_key)s
