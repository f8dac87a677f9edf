-- What an attestation says it relays, to compare with it.
SELECT a.id, a.release_event_id, a.stance, a.published_at, a.voided_at
FROM attestations a
WHERE a.id = ANY (%(ids)s)
