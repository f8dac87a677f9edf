-- Unlocks an idempotency key after its write was committed.
SELECT pg_advisory_unlock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
))
