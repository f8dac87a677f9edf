-- Locks an idempotency key until it is unlocked or the connection is lost.
-- Returns false if another request holds it.
SELECT pg_try_advisory_lock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
)) AS locked
