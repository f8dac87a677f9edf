-- What is said now of releases that ever were confirmed, disputed or refuted, what changed last
-- first. What names a minor is null.
WITH latest AS MATERIALIZED (
    SELECT f.release_event_id, f.recorded_at FROM feed_entries f
    ORDER BY f.recorded_at DESC, f.release_event_id DESC
    LIMIT %(limit)s
)
SELECT f.release_event_id::text, coalesce(v.status, 'unverified') AS status,
    rfc3339(coalesce(v.since, f.recorded_at)) AS since,
    -- A name that is hidden from now on is to be taken back by who read it.
    rfc3339(greatest(f.recorded_at, d.updated_at)) AS updated_at, e.occurred_on::text,
    CASE WHEN d.age_group <> 'minor' THEN d.name END AS name,
    coalesce(v.independent_sources, 0) AS independent_sources,
    coalesce(v.independent_denials, 0) AS independent_denials
FROM latest f
JOIN release_events e ON e.id = f.release_event_id
JOIN detainees d ON d.id = e.detainee_id
LEFT JOIN LATERAL (
    SELECT c.status, c.independent_sources, c.independent_denials, c.since FROM verdicts c
    WHERE c.release_event_id = f.release_event_id AND c.recorded_until = 'infinity'
        AND c.published_from <= now()
    ORDER BY c.published_from DESC
    LIMIT 1
) v ON true
ORDER BY f.recorded_at DESC, f.release_event_id DESC
