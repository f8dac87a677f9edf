-- An event's verdicts as the record has them, from the last before a moment on.
SELECT v.published_from, v.independent_sources, v.independent_denials, v.status, v.since, v.kinds,
    v.reasoning
FROM verdicts v
WHERE v.release_event_id = %(release_event_id)s AND v.recorded_until = 'infinity'
    AND v.published_from >= coalesce((
        SELECT max(b.published_from) FROM verdicts b
        WHERE b.release_event_id = %(release_event_id)s AND b.recorded_until = 'infinity'
            AND b.published_from < %(since)s::timestamptz
    ), '-infinity')
ORDER BY v.published_from
