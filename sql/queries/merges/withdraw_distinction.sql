-- Withdraws a distinction.
UPDATE distinctions SET withdrawn_at = now(), updated_at = now() WHERE id = %(id)s
