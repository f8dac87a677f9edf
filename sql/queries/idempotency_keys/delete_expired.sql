-- Deletes idempotency keys older than a day, at most 200 of them: it runs in one write of a hundred,
-- so keys are deleted faster than they are stored, and no write deletes many.
DELETE FROM idempotency_keys WHERE (key_id, path, idempotency_key) IN (
    SELECT k.key_id, k.path, k.idempotency_key FROM idempotency_keys k
    WHERE k.created_at < now() - interval '1 day'
    ORDER BY k.created_at LIMIT 200 FOR UPDATE SKIP LOCKED
)
