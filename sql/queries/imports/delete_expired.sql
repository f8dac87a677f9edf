-- Deletes the previews that were not applied within a day, because they contain names.
WITH deleted AS (
    DELETE FROM imports
    WHERE id IN (
        SELECT i.id FROM imports i
        WHERE i.state = 'previewed' AND i.created_at < now() - interval '1 day'
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id
)
DELETE FROM import_keys USING deleted WHERE import_keys.import_id = deleted.id
