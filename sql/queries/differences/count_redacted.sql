-- Counts the people who count otherwise at the second of two pairs of moments and are not listed.
SELECT c.before, c.was_rearrested, c.after, c.is_rearrested, count(*) AS people
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL (
    SELECT o.id FROM people_perhaps_redacted(filters_people(a.filters)) o
    INTERSECT
    SELECT o.id FROM people_perhaps_changed(a.as_of, a.moment, a.later_as_of, a.later_moment) o
) p
CROSS JOIN LATERAL difference_of_person(
    p.id, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, a.sees_hidden
) c
CROSS JOIN LATERAL listed_difference(
    p.id, c.earlier_event_id, c.later_event_id, a.filters, a.sees_hidden
) l
WHERE NOT l.is_listed
GROUP BY c.before, c.was_rearrested, c.after, c.is_rearrested
