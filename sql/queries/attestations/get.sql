-- Gets what decides whether an attestation can be retracted or voided.
SELECT a.release_event_id, a.published_at, a.retracted_at, a.voided_at
FROM attestations a
WHERE a.id = %(id)s
