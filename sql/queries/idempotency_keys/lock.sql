-- Locks an idempotency key until the end of the transaction, once its write is visible to all; false
-- while another request has it. Two keys that share a number, one pair in 2^64, need a retry.
SELECT pg_try_advisory_xact_lock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
)) AS locked
