-- Gets a merge of sources, its state, and the source that the surviving one was merged into since.
SELECT m.source_id, m.into_source_id, m.undone_at, s.merged_into AS into_merged_into
FROM merges m JOIN sources s ON s.id = m.into_source_id
WHERE m.id = %(id)s
