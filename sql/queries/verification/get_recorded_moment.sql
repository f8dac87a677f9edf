-- Gets the moment of record time within a period since which a release event has the verdict of its end.
-- That verdict may be older: it applies again once what superseded it is void. If it is that of the whole
-- period, the last change of another verdict, of this event or of its duplicate, is the moment.
SELECT rfc3339(coalesce(
    nullif(b.moment, %(after)s::timestamptz),
    (SELECT max(c.moment) FROM moments_of_change(NULL, %(ids)s, %(after)s, %(until)s) c)
)) AS at
FROM (
    SELECT array_agg(m.moment) AS moments, array_agg(v.verdict) AS verdicts
    FROM (
        SELECT %(after)s::timestamptz
        UNION
        SELECT %(until)s::timestamptz
        UNION
        SELECT c.moment FROM moments_of_change(NULL, ARRAY[%(id)s::uuid], %(after)s, %(until)s) c
    ) m (moment)
    LEFT JOIN LATERAL (
        SELECT jsonb_build_array(
            v.independent_sources, v.independent_denials, v.since, v.kinds
        )::text AS verdict
        FROM verdicts v
        WHERE v.release_event_id = %(id)s AND v.published_from <= %(as_of)s
            AND v.recorded_from <= m.moment AND m.moment < v.recorded_until
        ORDER BY v.published_from DESC
        LIMIT 1
    ) v ON true
) s
CROSS JOIN LATERAL last_began(s.moments, s.verdicts) b
