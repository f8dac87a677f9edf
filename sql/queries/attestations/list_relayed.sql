-- Lists the attestations that an attestation relays, to check the relays.
SELECT a.id, a.release_event_id, a.stance, a.published_at, a.voided_at
FROM attestations a
WHERE a.id = ANY (%(ids)s)
