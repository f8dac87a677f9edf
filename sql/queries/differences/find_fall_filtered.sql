-- Finds the same as differences/find_fall, of the people and release events that match filters.
-- A person who is confirmed by the release events that match is confirmed by all of them, so the stored
-- status spares most people of an import the costly comparison.
SELECT rfc3339(m.moment) AS at, f.people
FROM (
    SELECT q.release_kind, (
        q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
        q.occurred_from, q.occurred_until
    )::count_filters AS filters
    FROM count_questions(%(questions)s) q
) a
CROSS JOIN LATERAL (
    SELECT DISTINCT o.moment, o.moment - interval '1 microsecond' AS before
    FROM moments_of_filtered_correction(%(after)s, %(min_sources)s, a.release_kind) o
    ORDER BY o.moment DESC
) m
CROSS JOIN LATERAL (
    SELECT min(d.people) AS people
    FROM (VALUES (m.moment), (now())) AS l (later)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE c.before = 'confirmed')
            - count(*) FILTER (WHERE c.after = 'confirmed') AS people
        FROM differences_of_people(
            ARRAY(
                SELECT p.id
                FROM people_perhaps_changed(m.before, m.before, m.before, l.later, a.filters) p
                LEFT JOIN LATERAL stored_code(p.id, m.before, m.before, %(min_sources)s) b ON true
                LEFT JOIN LATERAL stored_code(p.id, m.before, l.later, %(min_sources)s) e ON true
                WHERE b.code IN ('C', 'A') OR e.code IN ('C', 'A')
            ),
            m.before, m.before, m.before, l.later, %(min_sources)s, a.filters, NULL, false
        ) c
    ) d
) f
WHERE f.people > 0
ORDER BY m.moment DESC
LIMIT 1
