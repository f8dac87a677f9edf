-- Gets the publication and the retraction of an attestation, before a retraction.
SELECT a.release_event_id, a.published_at, a.retracted_at FROM attestations a WHERE a.id = %(id)s
