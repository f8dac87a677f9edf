-- Lists all API keys without their hashes.
SELECT k.id, k.name, k.scope, k.prefix, k.revoked_at, k.valid_until,
    k.valid_until <= now() AS has_ended
FROM api_keys k ORDER BY k.created_at, k.id
