-- Lists the attestations of release events in order of entry, with the attestations they relay.
SELECT a.id, a.release_event_id, a.stance, a.published_at, a.voided_at IS NOT NULL AS voided, ARRAY(
    SELECT r.relayed_attestation_id FROM attestation_relays r
    WHERE r.attestation_id = a.id AND r.relayed_attestation_id IS NOT NULL
    ORDER BY r.relayed_attestation_id
) AS relayed
FROM attestations a
WHERE a.release_event_id = ANY (%(release_event_ids)s)
ORDER BY a.recorded_order
