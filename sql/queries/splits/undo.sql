-- Undoes a split.
UPDATE splits SET undone_at = now(), updated_at = now() WHERE id = %(id)s
