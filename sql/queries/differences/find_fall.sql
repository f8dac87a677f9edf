-- Finds the last moment of record time at which a correction lowered the confirmed count as of just before
-- it, and by how many people at least, both then and now.
-- The codes C and A are of confirmed people; A, of those who were arrested again. By the inner ORDER BY the
-- moments come latest first, so that no moment is counted beyond the first with a fall.
SELECT rfc3339(m.moment) AS at, f.people
FROM (
    SELECT DISTINCT o.moment, o.moment - interval '1 microsecond' AS before
    FROM moments_of_correction(%(after)s, %(min_sources)s) o
    ORDER BY o.moment DESC
) m
CROSS JOIN LATERAL (
    SELECT min(d.people) AS people
    FROM (VALUES (m.moment), (now())) AS l (later)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE b.code IN ('C', 'A'))
            - count(*) FILTER (WHERE e.code IN ('C', 'A')) AS people
        FROM (
            SELECT DISTINCT o.id FROM people_changed(m.before, m.before, m.before, l.later) o
        ) p
        LEFT JOIN LATERAL stored_code(p.id, m.before, m.before, %(min_sources)s) b ON true
        LEFT JOIN LATERAL stored_code(p.id, m.before, l.later, %(min_sources)s) e ON true
    ) d
) f
WHERE f.people > 0
ORDER BY m.moment DESC
LIMIT 1
