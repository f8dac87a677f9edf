-- All keys, without their hashes.
SELECT k.id, k.name, k.scope, k.created_at, k.revoked_at FROM keys k ORDER BY k.id
