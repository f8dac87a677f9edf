-- Undoes the voiding of a detention.
UPDATE detentions SET voided_at = NULL, void_reason = NULL, updated_at = now() WHERE id = %(id)s
