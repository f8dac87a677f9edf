-- What became confirmed, disputed or refuted and still stands so in the record, what was recorded
-- last first. What names a minor is null.
WITH latest AS MATERIALIZED (
    SELECT v.release_event_id, v.status, v.since, v.recorded_from, v.published_from,
        v.independent_sources, v.independent_denials
    FROM verdicts v
    WHERE v.recorded_until = 'infinity' AND v.since = v.published_from
        AND v.status IN ('confirmed', 'disputed', 'refuted')
        AND v.published_from <= now()
    ORDER BY v.recorded_from DESC, v.published_from DESC, v.release_event_id DESC
    LIMIT %(limit)s
)
SELECT v.release_event_id::text, v.status, rfc3339(v.since) AS since,
    rfc3339(v.recorded_from) AS recorded_at, e.occurred_on::text,
    CASE WHEN d.age_group <> 'minor' THEN d.name END AS name, v.independent_sources,
    v.independent_denials
FROM latest v
JOIN release_events e ON e.id = v.release_event_id
JOIN detainees d ON d.id = e.detainee_id
ORDER BY v.recorded_from DESC, v.published_from DESC, v.release_event_id DESC
