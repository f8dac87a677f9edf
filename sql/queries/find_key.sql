-- The key with this hash, unless it was revoked.
SELECT k.id, k.scope, k.hash FROM keys k WHERE k.hash = %(hash)s AND k.revoked_at IS NULL
