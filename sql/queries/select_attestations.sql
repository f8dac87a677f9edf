-- Attestations with what they relay; the answer to a write also shows its event's summary.
SELECT a.id, a.release_event_id, a.source_id, a.stance, a.basis,
    (
        SELECT coalesce(json_agg(json_build_object(
            'attestation_id', r.relayed_attestation_id, 'source_id', r.relayed_source_id
        ) ORDER BY r.relayed_attestation_id, r.relayed_source_id), '[]')
        FROM relays r WHERE r.attestation_id = a.id
    ) AS relays,
    a.release_kind, a.denial_reason, a.evidence, a.published_at, a.url, a.archived_url,
    a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note, a.voided_at,
    a.void_reason,
    coalesce((
        SELECT s.verification FROM verification_summaries s
        WHERE s.release_event_id = a.release_event_id ORDER BY s.published_from DESC LIMIT 1
    ), nothing_attested()) AS verification,
    a.created_at, a.updated_at
FROM attestations a
WHERE true
    AND a.id = %(id)s -- if id
    AND a.release_event_id = %(release_event_id)s -- if release_event_id
    AND a.source_id = %(source_id)s -- if source_id
    AND a.id > %(after)s -- if after
ORDER BY a.id
LIMIT %(limit)s
