-- Retracts an attestation for its source.
UPDATE attestations
SET retracted_at = %(retracted_at)s, retraction_note = %(note)s, updated_at = now()
WHERE id = %(id)s
