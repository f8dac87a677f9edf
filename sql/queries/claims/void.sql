-- Voids a claim that was entered by mistake: no later answer depends on it.
UPDATE claims
SET voided_at = now(), void_reason = %(reason)s, updated_at = now()
WHERE id = %(id)s
