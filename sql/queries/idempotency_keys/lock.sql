-- Until it is unlocked, or the connection is lost; false while another has it, which is not waited
-- for. Two keys that share a number, one pair in 2^64, would only be asked to try again.
SELECT pg_try_advisory_lock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
)) AS locked
