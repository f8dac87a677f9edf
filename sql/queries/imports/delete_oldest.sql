-- Deletes the oldest previews of a key, if later ones take all the bytes that it may store.
WITH sized AS (
    SELECT i.id, sum(i.stored_bytes) OVER (ORDER BY i.created_at DESC, i.id) - i.stored_bytes
        AS later_bytes
    FROM imports i
    WHERE i.key_id = %(key_id)s AND i.state = 'previewed'
), deleted AS (
    DELETE FROM imports
    WHERE id IN (
        SELECT i.id FROM imports i JOIN sized s ON s.id = i.id
        WHERE i.state = 'previewed' AND s.later_bytes >= %(max_bytes)s
        FOR UPDATE OF i SKIP LOCKED
    )
    RETURNING id
)
DELETE FROM import_keys USING deleted WHERE import_keys.import_id = deleted.id
