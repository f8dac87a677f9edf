-- Voids an affiliation that was entered by mistake: the rule ignores it.
UPDATE affiliations
SET voided_at = now(), void_reason = %(reason)s, updated_at = now()
WHERE id = %(id)s
