-- Gets the moment of record time at which the first of the given people changed.
SELECT rfc3339(min(t.at)) AS at
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL differences_of_people(
    %(ids)s, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, %(group_by)s,
    a.sees_hidden
) c
CROSS JOIN LATERAL moment_of_difference(
    c.detainee_id, c.earlier_event_id, c.later_event_id, a.as_of, a.moment, a.later_as_of,
    a.later_moment, a.required, (a.filters).release_kind, c.before, c.after,
    a.sees_hidden
) t
