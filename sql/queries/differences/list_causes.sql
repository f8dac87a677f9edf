-- Lists what was published or recorded between two pairs of moments and changed people.
-- `effect` is that of an attestation: 1 for the release, -1 against it. `counts` if the attestation
-- adds to the verdict. Of a confidential source that the caller may not see, `source_name` is the name of
-- the source that vouches for it (`is_vouched_for`).
SELECT i.number, c.resource, c.attestation_id, c.affiliation_id, c.source_id, s.name AS source_name,
    c.is_vouched_for, c.action, c.effect, c.counts
FROM (
    SELECT %(as_of)s::timestamptz AS as_of, %(moment)s::timestamptz AS moment,
        %(later_as_of)s::timestamptz AS later_as_of, %(later_moment)s::timestamptz AS later_moment,
        %(sees_hidden)s::boolean AS sees_hidden
) a
CROSS JOIN ROWS FROM (jsonb_to_recordset(%(items)s) AS (
    key uuid, earlier_event_id uuid, later_event_id uuid, detentions_decide boolean,
    filters_decide boolean
)) WITH ORDINALITY AS i (
    key, earlier_event_id, later_event_id, detentions_decide, filters_decide, number
)
CROSS JOIN LATERAL (
    SELECT 'attestation' AS resource, t.id AS attestation_id, NULL::uuid AS affiliation_id,
        visible_source_id(t.source_id, a.sees_hidden, NULL) AS source_id,
        NOT a.sees_hidden AND (
            SELECT o.confidential FROM sources o WHERE o.id = t.source_id
        ) AS is_vouched_for, t.action, t.effect, t.counts
    FROM attestations_changed(
        i.earlier_event_id, i.later_event_id, a.as_of, a.moment, a.later_as_of, a.later_moment
    ) t
    UNION ALL
    SELECT n.resource, NULL, n.affiliation_id, n.source_id, false, n.action, 0, true
    FROM links_changed(
        i.key, ARRAY[i.earlier_event_id, i.later_event_id], a.moment, a.later_moment, a.sees_hidden
    ) n
    UNION ALL
    SELECT r.resource, NULL, NULL, NULL, false, r.action, 0, true
    FROM records_changed(
        i.key, ARRAY[i.earlier_event_id, i.later_event_id], a.moment, a.later_moment,
        i.detentions_decide, i.filters_decide, a.sees_hidden
    ) r
) c
LEFT JOIN visible_sources(true) s ON s.id = c.source_id
ORDER BY i.number, c.resource, c.attestation_id, c.affiliation_id, c.source_id, c.action
