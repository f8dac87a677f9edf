-- Undoes the voiding of a claim.
UPDATE claims SET voided_at = NULL, void_reason = NULL, updated_at = now() WHERE id = %(id)s
