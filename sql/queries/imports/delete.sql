-- Deletes a preview.
WITH gone AS (
    DELETE FROM imports WHERE id = %(id)s AND state = 'previewed' RETURNING id
)
DELETE FROM import_keys USING gone WHERE import_keys.import_id = gone.id
