-- Its source takes its word back.
UPDATE attestations
SET retracted_at = %(retracted_at)s, retraction_note = %(note)s, updated_at = now()
WHERE id = %(id)s
