-- Revokes an API key. A second revocation changes nothing.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING revoked_at
