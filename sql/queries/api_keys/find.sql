-- The key with this prefix, unless it was revoked or has ended by the database's clock.
SELECT k.id, k.scope, k.hash FROM api_keys k
WHERE k.prefix = %(prefix)s AND k.revoked_at IS NULL
    AND coalesce(k.valid_until > now(), true)
