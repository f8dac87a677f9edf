-- Finds the API key with a prefix, unless it is revoked or has ended.
SELECT k.id, k.scope, k.hash FROM api_keys k
WHERE k.prefix = %(prefix)s AND k.revoked_at IS NULL
    AND coalesce(k.valid_until > now(), true)
