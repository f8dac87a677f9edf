-- Counts the people who count otherwise at the second of two pairs of moments under filters.
SELECT c.before, c.was_rearrested, c.after, c.is_rearrested, count(*) AS people
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL (
    SELECT DISTINCT p.id
    FROM people_perhaps_changed(a.as_of, a.moment, a.later_as_of, a.later_moment) p
) p
CROSS JOIN LATERAL difference_of_person(
    p.id, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, a.sees_hidden
) c
GROUP BY c.before, c.was_rearrested, c.after, c.is_rearrested
