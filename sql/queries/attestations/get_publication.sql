-- What may come of an attestation: its source takes it back.
SELECT a.release_event_id, a.published_at, a.retracted_at FROM attestations a WHERE a.id = %(id)s
