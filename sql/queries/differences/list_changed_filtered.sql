-- Lists the people who changed between two pairs of moments under filters or in groups, by both statuses.
SELECT c.before, c.was_rearrested, c.after, c.is_rearrested,
    string_agg(uuid_send(c.detainee_id), '' ORDER BY c.detainee_id) AS ids
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL differences_of_people(
    ARRAY(
        SELECT p.id FROM people_perhaps_changed(
            a.as_of, a.moment, a.later_as_of, a.later_moment, a.filters
        ) p
    ),
    a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, %(group_by)s,
    a.sees_hidden
) c
GROUP BY c.before, c.was_rearrested, c.after, c.is_rearrested
