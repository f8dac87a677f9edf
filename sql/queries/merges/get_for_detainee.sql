-- Gets the merge of a duplicate that is not undone.
SELECT m.id, m.into_id FROM merges m WHERE m.detainee_id = %(detainee_id)s AND m.undone_at IS NULL
