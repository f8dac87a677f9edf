-- Gets a release event for a ClaimReview.
SELECT e.id::text AS release_event_id, e.occurred_on::text,
    d.name,
    coalesce(v.status, 'unverified') AS status,
    coalesce(v.independent_sources, 0) AS independent_sources,
    coalesce(v.independent_denials, 0) AS independent_denials,
    rfc3339(v.since) AS since
FROM release_events e
JOIN visible_detainees(false) d ON d.id = e.detainee_id
LEFT JOIN LATERAL (
    SELECT c.status, c.independent_sources, c.independent_denials, c.since FROM verdicts c
    WHERE c.release_event_id = e.id AND c.recorded_until = 'infinity' AND c.published_from <= now()
    ORDER BY c.published_from DESC
    LIMIT 1
) v ON true
WHERE e.id = %(id)s AND e.merged_into IS NULL AND e.voided_at IS NULL
