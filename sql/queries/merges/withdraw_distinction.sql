-- Whether the two are one person is open again.
UPDATE distinctions SET withdrawn_at = now(), updated_at = now() WHERE id = %(id)s
