-- Undoes the voiding of an affiliation.
UPDATE affiliations SET voided_at = NULL, void_reason = NULL, updated_at = now() WHERE id = %(id)s
