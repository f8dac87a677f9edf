-- Gets the merge of a duplicate source that stands.
SELECT m.id FROM merges m WHERE m.source_id = %(source_id)s AND m.undone_at IS NULL
