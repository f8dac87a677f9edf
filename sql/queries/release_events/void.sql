-- Voids a release event that was entered by mistake: no later answer depends on it.
UPDATE release_events
SET voided_at = now(), void_reason = %(reason)s, updated_at = now()
WHERE id = %(id)s
