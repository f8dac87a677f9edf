-- Deletes a preview.
WITH deleted AS (
    DELETE FROM imports WHERE id = %(id)s AND state = 'previewed' RETURNING id
)
DELETE FROM import_keys USING deleted WHERE import_keys.import_id = deleted.id
