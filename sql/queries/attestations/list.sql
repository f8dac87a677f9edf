-- Lists attestations with their relays and the summary of their event's verdict.
SELECT a.id, a.release_event_id, a.source_id, a.is_confidential, a.stance, a.basis,
    (
        SELECT coalesce(json_agg(json_build_object(
            'attestation_id', s.attestation_id, 'source_id', s.source_id
        ) ORDER BY s.attestation_id, s.source_id), '[]')
        FROM (
            -- Each once: how many sources of one organisation are relayed must not show.
            SELECT DISTINCT r.relayed_attestation_id AS attestation_id,
                visible_source_id(r.relayed_source_id, %(sees_hidden)s) AS source_id
            FROM attestation_relays r
            LEFT JOIN attestations o ON o.id = r.relayed_attestation_id -- if exported
            WHERE r.attestation_id = a.id
                AND o.voided_at IS NULL -- if exported
        ) s
    ) AS relays,
    a.release_kind, a.denial_reason, a.evidence, a.published_at, a.url, a.archived_url,
    a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note, a.voided_at,
    a.void_reason,
    coalesce((
        SELECT s.verification FROM verification_summaries s
        WHERE s.release_event_id = a.release_event_id ORDER BY s.published_from DESC LIMIT 1
    ), nothing_attested()) AS verification,
    a.created_at, a.updated_at
FROM visible_attestations(%(sees_hidden)s) a -- unless source_id
FROM sources_visible_as(%(source_id)s, %(sees_hidden)s) AS v (source_id) -- if source_id
CROSS JOIN LATERAL ( -- if source_id
    SELECT w.id FROM attestations w -- if source_id
    WHERE w.source_id = v.source_id -- if source_id
        AND w.release_event_id = %(release_event_id)s -- if source_id -- if release_event_id
        AND w.id > %(after)s -- if source_id -- if after
    ORDER BY w.id LIMIT %(limit)s -- if source_id
) w -- if source_id
JOIN visible_attestations(%(sees_hidden)s) a ON a.id = w.id -- if source_id
JOIN attestations k ON k.id = a.id -- if exported
WHERE true
    AND a.id = %(id)s -- if id
    AND a.release_event_id = %(release_event_id)s -- unless source_id -- if release_event_id
    AND a.release_event_id IN ( -- if announcement_id
        SELECT e.id FROM release_events e -- if announcement_id
        WHERE e.announcement_id = %(announcement_id)s -- if announcement_id
    ) -- if announcement_id
    AND a.id > %(after)s -- unless source_id -- if after
    AND a.voided_at IS NULL -- if exported
ORDER BY a.id -- unless exported
ORDER BY k.release_event_id, k.recorded_order -- if exported
LIMIT %(limit)s
