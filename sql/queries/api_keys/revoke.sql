-- Revokes an API key; the first revocation counts.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING revoked_at
