-- Locks an idempotency key until the end of the transaction; false if another request holds it.
-- Two different keys have the same number with a probability of 1 in 2^64; one request must then retry.
SELECT pg_try_advisory_xact_lock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
)) AS locked
