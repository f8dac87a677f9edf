-- Forgets what is older than a day, more of it than comes in, and never more than a few at once.
DELETE FROM idempotency_keys WHERE (key_id, path, idempotency_key) IN (
    SELECT k.key_id, k.path, k.idempotency_key FROM idempotency_keys k
    WHERE k.created_at < now() - interval '1 day'
    ORDER BY k.created_at LIMIT 4 FOR UPDATE SKIP LOCKED
)
