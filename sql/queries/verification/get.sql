-- Gets the explanation of the verdict on a release event at a pair of moments, in one snapshot.
-- It consists of the steps over publication time, what the last step rests on, the parts of the
-- attestations, of which the chains are the proofs, and the names of the heads of their groups at that
-- record time. There is no row for an event that was not recorded yet, or that was void or merged into
-- another event by then. What a verdict rests on is in its proof, so the chains have all groups.
WITH moments AS (
    SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of,
        coalesce(%(recorded_as_of)s::timestamptz, h.recorded_at) AS recorded_as_of,
        CASE
            WHEN %(recorded_as_of)s::timestamptz IS NULL THEN h.seq
            ELSE recorded_seq(%(recorded_as_of)s::timestamptz)
        END AS ledger_seq
    FROM public_head h
), steps AS (
    SELECT v.published_from, v.independent_sources, v.independent_denials, v.kinds, v.rests_on
    FROM moments a JOIN verdicts v ON v.release_event_id = %(id)s AND v.published_from <= a.as_of
        AND v.recorded_from <= a.recorded_as_of AND a.recorded_as_of < v.recorded_until
), latest AS (
    SELECT s.kinds, s.rests_on FROM steps s ORDER BY s.published_from DESC LIMIT 1
), parts AS MATERIALIZED (
    SELECT DISTINCT ON (p.attestation_id) p.attestation_id, p.reason, p.chain
    FROM moments a JOIN verdict_parts p ON p.release_event_id = %(id)s
        AND p.published_from <= a.as_of
        AND p.recorded_from <= a.recorded_as_of AND a.recorded_as_of < p.recorded_until
    ORDER BY p.attestation_id, p.published_from DESC
), proofs AS (
    SELECT o.stance, json_agg(json_build_object(
        'attestation_ids', json_build_array(p.attestation_id), 'groups', p.chain
    ) ORDER BY o.published_at, o.recorded_order) AS chains
    FROM parts p JOIN attestations o ON o.id = p.attestation_id
    WHERE p.chain IS NOT NULL
    GROUP BY o.stance
)
SELECT rfc3339(a.as_of) AS as_of, rfc3339(a.recorded_as_of) AS recorded_as_of, a.ledger_seq,
    (
        SELECT json_agg(json_build_array(
            rfc3339(s.published_from), s.independent_sources, s.independent_denials
        ) ORDER BY s.published_from)
        FROM steps s
    ) AS steps,
    l.kinds, l.rests_on,
    (SELECT o.chains FROM proofs o WHERE o.stance = 'confirms') AS proof,
    (SELECT o.chains FROM proofs o WHERE o.stance = 'denies') AS denial_proof,
    (
        SELECT json_agg(json_build_object(
            'attestation_id', p.attestation_id, 'reason', p.reason
        ) ORDER BY p.attestation_id)
        FROM parts p
        WHERE p.reason IS NOT NULL
    ) AS not_counted,
    (
        SELECT json_object_agg(g.head, coalesce(
            (
                SELECT shown_source_name(g.head, r.entry ->> 'kind', r.entry ->> 'name')
                FROM recorded(g.head, a.recorded_as_of) r
            ),
            -- The source that vouches for the head may have been recorded later.
            (SELECT shown_source_name(s.id, s.kind, s.name) FROM sources s WHERE s.id = g.head)
        ))
        FROM (
            SELECT DISTINCT visible_source_id((p.head #>> '{}')::uuid, false, a.recorded_as_of)
                AS head
            FROM (
                SELECT DISTINCT jsonb_path_query(p.chain, '$[*][0]') AS head FROM parts p
            ) p
        ) g
    ) AS names,
    (
        SELECT json_object_agg(s.id, surviving_source_id(s.vouched_by, a.recorded_as_of))
        FROM sources s
        WHERE s.vouched_by IS NOT NULL AND s.id IN (
            SELECT (p.source #>> '{}')::uuid
            FROM (SELECT jsonb_path_query(p.chain, '$[*][*]') AS source FROM parts p) p
        )
    ) AS confidential
FROM moments a LEFT JOIN latest l ON true
WHERE EXISTS (
    SELECT FROM ledger e WHERE e.resource_id = %(id)s AND e.recorded_at <= a.recorded_as_of
        AND e.resource = 'release_event'
) AND NOT EXISTS (
    SELECT FROM recorded(%(id)s, a.recorded_as_of) r
    WHERE r.entry ->> 'merged_into' IS NOT NULL OR r.entry ->> 'voided_at' IS NOT NULL
)
