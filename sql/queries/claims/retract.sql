-- Retracts a claim for its source.
UPDATE claims
SET retracted_at = %(retracted_at)s, retraction_note = %(note)s, updated_at = now()
WHERE id = %(id)s
