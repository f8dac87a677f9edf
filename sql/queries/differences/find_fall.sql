-- Finds the last moment at which a correction left fewer people confirmed as of just before it.
SELECT rfc3339(m.moment) AS at, f.people
FROM (
    SELECT DISTINCT o.moment, o.moment - interval '1 microsecond' AS before
    FROM moments_of_correction(%(after)s, %(min_sources)s) o
    ORDER BY o.moment DESC
) m
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE b.code IN ('C', 'A'))
        - count(*) FILTER (WHERE e.code IN ('C', 'A')) AS people
    FROM (
        SELECT DISTINCT o.id FROM people_changed(m.before, m.before, m.before, m.moment) o
    ) p
    LEFT JOIN LATERAL stored_code(p.id, m.before, m.before, %(min_sources)s) b ON true
    LEFT JOIN LATERAL stored_code(p.id, m.before, m.moment, %(min_sources)s) e ON true
) f
WHERE f.people > 0
ORDER BY m.moment DESC
LIMIT 1
