-- Lists the void detentions and release events of people, and the void confirmations by a source of
-- release events that it does not confirm otherwise.
SELECT 'detention' AS resource, t.detainee_id, t.id, NULL::uuid AS release_event_id,
    t.detained_on AS day, t.void_reason
FROM visible_detentions(%(sees_hidden)s) t
WHERE t.detainee_id = ANY (%(people)s) AND t.voided_at IS NOT NULL
UNION ALL
SELECT 'release_event', e.detainee_id, e.id, e.id, e.occurred_on::text, e.void_reason
FROM visible_release_events(%(sees_hidden)s) e
WHERE e.detainee_id = ANY (%(people)s) AND e.voided_at IS NOT NULL
UNION ALL
SELECT 'attestation', e.detainee_id, a.id, e.id, e.occurred_on::text, v.void_reason
FROM release_events e
JOIN attestations a ON a.release_event_id = e.id
JOIN visible_attestations(%(sees_hidden)s) v ON v.id = a.id
WHERE e.detainee_id = ANY (%(people)s) AND e.merged_into IS NULL AND e.voided_at IS NULL
    AND a.source_id IN (SELECT sources_visible_as(%(source_id)s, true))
    AND a.stance = 'confirms' AND a.voided_at IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM attestations o
        WHERE o.release_event_id = e.id AND o.stance = 'confirms' AND o.voided_at IS NULL
            AND o.source_id IN (SELECT sources_visible_as(%(source_id)s, true))
    )
ORDER BY detainee_id, resource, day, id
