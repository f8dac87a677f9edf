-- Undoes the voiding of a release event.
UPDATE release_events SET voided_at = NULL, void_reason = NULL, updated_at = now() WHERE id = %(id)s
