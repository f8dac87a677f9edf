-- Lists the people whose stored status differs between two pairs of moments, by both statuses.
SELECT status_of_code(c.before) AS before, coalesce(c.before = 'A', false) AS was_rearrested,
    status_of_code(c.after) AS after, coalesce(c.after = 'A', false) AS is_rearrested,
    string_agg(uuid_send(c.id), '' ORDER BY c.id) AS ids
FROM (
    SELECT p.id, b.code AS before, e.code AS after
    FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
    CROSS JOIN LATERAL (
        SELECT DISTINCT p.id FROM people_changed(a.as_of, a.moment, a.later_as_of, a.later_moment) p
    ) p
    LEFT JOIN LATERAL stored_code(p.id, a.as_of, a.moment, a.required) b ON true
    LEFT JOIN LATERAL stored_code(p.id, a.later_as_of, a.later_moment, a.required) e ON true
) c
WHERE c.before IS DISTINCT FROM c.after
GROUP BY c.before, c.after
