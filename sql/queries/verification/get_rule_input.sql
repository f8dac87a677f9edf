-- Gets the input of the rule for a release event, and its verdicts and their parts since a moment.
-- The last verdict before that moment is included.
-- A source of the event is named by its attestations or by source_ids. All affiliations of these
-- sources are selected, direct ones and those through others; the rule uses those in force. A
-- confidential source has its voucher, and other sources with the same voucher are left out. The
-- surviving source stands for each source that was merged.
WITH RECURSIVE named AS (
    SELECT a.source_id FROM attestations a WHERE a.release_event_id = %(release_event_id)s
    UNION
    SELECT r.relayed_source_id
    FROM attestations a JOIN attestation_relays r ON r.attestation_id = a.id
    WHERE a.release_event_id = %(release_event_id)s AND r.relayed_source_id IS NOT NULL
    UNION
    SELECT unnest(%(source_ids)s::uuid[])
), vouched_for AS (
    SELECT s.id, surviving_source_id(s.vouched_by, NULL) AS vouched_by FROM named n CROSS JOIN LATERAL (
        SELECT o.id, o.vouched_by FROM sources o WHERE o.id = n.source_id OFFSET 0
    ) s
    WHERE s.vouched_by IS NOT NULL
), affiliated (source_id) AS (
    SELECT b.source_id
    FROM (
        SELECT n.source_id FROM named n
        UNION
        SELECT v.vouched_by FROM vouched_for v
    ) b
    UNION
    SELECT f.other_id FROM affiliated t CROSS JOIN LATERAL (
        SELECT a.with_source_id AS other_id FROM affiliations a
        WHERE a.source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT a.source_id FROM affiliations a
        WHERE a.with_source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT s.id FROM sources s WHERE s.merged_into = t.source_id
        UNION ALL
        SELECT s.merged_into FROM sources s WHERE s.id = t.source_id
    ) f
    WHERE f.other_id IS NOT NULL
)
SELECT
    (
        SELECT coalesce(json_agg(json_build_object(
            'id', a.id, 'source', coalesce(s.merged_into, s.id), 'stance', a.stance, 'basis', a.basis,
            'published_at', rfc3339(a.published_at), 'retracted_at', rfc3339(a.retracted_at),
            'relayed_attestations', ARRAY(
                SELECT r.relayed_attestation_id FROM attestation_relays r
                WHERE r.attestation_id = a.id AND r.relayed_attestation_id IS NOT NULL
            ),
            'relayed_sources', ARRAY(
                SELECT DISTINCT coalesce(o.merged_into, o.id)
                FROM attestation_relays r JOIN sources o ON o.id = r.relayed_source_id
                WHERE r.attestation_id = a.id
            ),
            'release_kind', a.release_kind, 'recorded', a.recorded_order
        )), '[]')
        FROM attestations a JOIN sources s ON s.id = a.source_id
        WHERE a.release_event_id = %(release_event_id)s AND a.voided_at IS NULL
            AND NOT EXISTS (
                SELECT FROM release_events e
                WHERE e.id = a.release_event_id AND e.voided_at IS NOT NULL
            )
    ) AS attestations,
    (
        SELECT coalesce(json_agg(json_build_object(
            'source', a.source_id, 'with_source', a.with_source_id,
            'valid_from', rfc3339(a.valid_from), 'valid_until', rfc3339(a.valid_until)
        )), '[]')
        FROM affiliated t CROSS JOIN LATERAL (
            -- OFFSET 0: look up each source, whatever number of rows the planner expects.
            SELECT b.source_id, b.with_source_id, b.valid_from, b.valid_until
            FROM surviving_affiliations b
            WHERE b.entered_source_id = t.source_id AND b.joins_two AND b.voided_at IS NULL OFFSET 0
        ) a
    ) AS affiliations,
    (SELECT coalesce(json_object_agg(v.id, v.vouched_by), '{}') FROM vouched_for v) AS vouched_by,
    (
        SELECT coalesce(json_agg(json_build_object(
            'published_from', rfc3339(v.published_from),
            'independent_sources', v.independent_sources,
            'independent_denials', v.independent_denials, 'kinds', v.kinds,
            'rests_on', v.rests_on, 'status', v.status, 'since', rfc3339(v.since)
        ) ORDER BY v.published_from), '[]')
        FROM verdicts v
        WHERE v.release_event_id = %(release_event_id)s AND v.recorded_until = 'infinity'
            AND v.published_from >= coalesce((
                SELECT max(b.published_from) FROM verdicts b
                WHERE b.release_event_id = %(release_event_id)s
                    AND b.recorded_until = 'infinity'
                    AND b.published_from < %(since)s::timestamptz
            ), '-infinity')
    ) AS verdicts,
    (
        SELECT coalesce(json_agg(json_build_object(
            'attestation_id', p.attestation_id, 'published_from', rfc3339(p.published_from),
            'reason', p.reason, 'chain', p.chain
        ) ORDER BY p.published_from), '[]')
        FROM verdict_parts p
        WHERE p.release_event_id = %(release_event_id)s AND p.recorded_until = 'infinity'
            AND p.published_from >= coalesce(%(since)s::timestamptz, '-infinity')
    ) AS parts
