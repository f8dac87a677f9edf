-- Lists the release events that were ever confirmed, disputed or refuted, the last change first.
-- A merged duplicate has the status `merged` and no name; the surviving record has an entry of its own.
-- A voided event has the status `voided`, so that a reader of the former status learns of the mistake.
WITH latest AS MATERIALIZED (
    SELECT f.release_event_id, f.recorded_at FROM feed_entries f
    ORDER BY f.recorded_at DESC, f.release_event_id DESC
    LIMIT %(limit)s
)
SELECT f.release_event_id::text,
    CASE
        WHEN e.merged_into IS NOT NULL THEN 'merged'
        WHEN e.voided_at IS NOT NULL THEN 'voided'
        ELSE coalesce(v.status, 'unverified')
    END AS status,
    rfc3339(coalesce(v.since, f.recorded_at)) AS since,
    -- An entry is updated when its name is hidden, so that readers drop the name.
    rfc3339(greatest(f.recorded_at, c.recorded_at, m.recorded_at)) AS updated_at,
    e.occurred_on::text, d.name,
    coalesce(v.independent_sources, 0) AS independent_sources,
    coalesce(v.independent_denials, 0) AS independent_denials,
    rfc3339(f.recorded_at) AS recorded_at
FROM latest f
JOIN release_events e ON e.id = f.release_event_id
LEFT JOIN visible_detainees(false) d ON d.id = e.detainee_id
LEFT JOIN LATERAL (
    SELECT l.recorded_at FROM ledger l
    WHERE l.resource_id = e.detainee_id AND l.public_seq IS NOT NULL
    ORDER BY l.seq DESC
    LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT max(l.recorded_at) AS recorded_at FROM ledger l
    WHERE l.resource = 'release_event' AND l.resource_id = e.id
        AND l.action IN ('moved', 'voided', 'undone')
) m ON true
LEFT JOIN LATERAL (
    SELECT c.status, c.independent_sources, c.independent_denials, c.since FROM verdicts c
    WHERE c.release_event_id = f.release_event_id AND c.recorded_until = 'infinity'
        AND c.published_from <= now()
    ORDER BY c.published_from DESC
    LIMIT 1
) v ON true
ORDER BY f.recorded_at DESC, f.release_event_id DESC
