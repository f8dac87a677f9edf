-- After the write was committed: whoever has the lock next sees it.
SELECT pg_advisory_unlock(hashtextextended(
    concat_ws(' ', %(key_id)s::uuid, %(path)s::text, %(idempotency_key)s::text), 0
))
