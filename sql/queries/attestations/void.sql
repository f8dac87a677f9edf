-- An editor entered it wrongly: for the rule it does not exist.
UPDATE attestations
SET voided_at = now(), void_reason = %(reason)s, updated_at = now()
WHERE id = %(id)s
