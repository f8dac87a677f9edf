-- Exports attestations in the order in which they were recorded, without voided ones.
-- The format requires evidence: that of a confidential source is `other` for the public.
SELECT a.id, a.release_event_id, a.source_id, a.stance, a.basis,
    (
        SELECT coalesce(json_agg(json_build_object(
            'attestation_id', s.attestation_id, 'source_id', s.source_id
        ) ORDER BY s.attestation_id, s.source_id), '[]')
        FROM (
            -- Without duplicates, which would reveal how many sources of one organisation are relayed.
            SELECT DISTINCT r.relayed_attestation_id AS attestation_id,
                visible_source_id(r.relayed_source_id, %(sees_hidden)s, NULL) AS source_id
            FROM attestation_relays r
            LEFT JOIN attestations o ON o.id = r.relayed_attestation_id
            WHERE r.attestation_id = a.id AND o.voided_at IS NULL
        ) s
    ) AS relays,
    a.release_kind, a.denial_reason, coalesce(a.evidence, 'other') AS evidence, a.published_at, a.url,
    a.archived_url, a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note
FROM visible_attestations(%(sees_hidden)s) a
JOIN attestations k ON k.id = a.id
WHERE a.voided_at IS NULL
    AND a.release_event_id IN (SELECT r.id FROM release_events_of_announced_people(%(case_of)s) r) -- if case_of
ORDER BY k.release_event_id, k.recorded_order
LIMIT %(limit)s
