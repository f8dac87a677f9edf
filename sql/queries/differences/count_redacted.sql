-- Counts those of the given people who changed and may not be listed, by status before and after.
SELECT c.before, c.was_rearrested, c.after, c.is_rearrested, count(*) AS people
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL differences_of_people(
    %(ids)s, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, NULL,
    a.sees_hidden
) c
CROSS JOIN LATERAL listed_difference(
    c.detainee_id, c.earlier_event_id, c.later_event_id, a.filters, a.sees_hidden
) l
WHERE NOT l.is_listed
GROUP BY c.before, c.was_rearrested, c.after, c.is_rearrested
