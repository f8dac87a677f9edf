-- Deletes at most 200 idempotency keys that are older than a day.
-- One write in a hundred runs it, so keys are deleted faster than they are stored.
DELETE FROM idempotency_keys WHERE (key_id, path, idempotency_key) IN (
    SELECT k.key_id, k.path, k.idempotency_key FROM idempotency_keys k
    WHERE k.created_at < now() - interval '1 day'
    ORDER BY k.created_at LIMIT 200 FOR UPDATE SKIP LOCKED
)
