-- An event's verdicts over publication time, as the record has them.
SELECT v.published_from, v.independent_sources, v.independent_denials, v.kinds, v.reasoning,
    v.status, v.since
FROM verdicts v
WHERE v.release_event_id = %(release_event_id)s AND v.recorded_until = 'infinity'
ORDER BY v.published_from
