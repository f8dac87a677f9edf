-- Finds the API key with a prefix, and whether it is revoked or has ended.
SELECT k.id, k.scope, k.hash, k.revoked_at IS NOT NULL AS is_revoked,
    coalesce(k.valid_until <= now(), false) AS has_ended
FROM api_keys k WHERE k.prefix = %(prefix)s
