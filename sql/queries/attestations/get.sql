-- Gets the statement, the publication, the retraction and the voiding of an attestation, before it changes.
SELECT a.release_event_id, a.stance, a.basis, a.release_kind, a.published_at, a.retracted_at, a.voided_at
FROM attestations a
WHERE a.id = %(id)s
