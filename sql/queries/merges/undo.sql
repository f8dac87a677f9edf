-- Undoes a merge.
UPDATE merges SET undone_at = now(), updated_at = now() WHERE id = %(id)s
