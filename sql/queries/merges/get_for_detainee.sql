-- The merge by which a person is no more.
SELECT m.id, m.into_id FROM merges m WHERE m.detainee_id = %(detainee_id)s AND m.undone_at IS NULL
