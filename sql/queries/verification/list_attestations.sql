-- What the rule needs of an event's attestations.
SELECT a.id::text, a.source_id::text AS source, a.stance, a.basis, a.published_at, a.retracted_at,
    ARRAY(
        SELECT r.relayed_attestation_id::text FROM attestation_relays r
        WHERE r.attestation_id = a.id AND r.relayed_attestation_id IS NOT NULL
    ) AS relayed_attestations,
    ARRAY(
        SELECT r.relayed_source_id::text FROM attestation_relays r
        WHERE r.attestation_id = a.id AND r.relayed_source_id IS NOT NULL
    ) AS relayed_sources,
    a.release_kind, a.recorded_order AS recorded
FROM attestations a
WHERE a.release_event_id = %(release_event_id)s AND a.voided_at IS NULL
