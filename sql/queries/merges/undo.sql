-- The two are two people again.
UPDATE merges SET undone_at = now(), updated_at = now() WHERE id = %(id)s
