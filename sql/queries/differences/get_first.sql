-- Gets how many people count otherwise at the second of two record times, and since when the first.
SELECT count(*) AS people, rfc3339(min(t.at)) AS at
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL (
    SELECT d.id, c.earlier_event_id, c.later_event_id, c.after
    FROM detainees d
    CROSS JOIN LATERAL difference_of_person(
        d.id, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters, a.sees_hidden
    ) c
    WHERE true
        AND d.id = ANY (ARRAY(SELECT o.id FROM people_changed(a.as_of, a.moment, a.later_as_of, a.later_moment) o)) -- unless is_filtered
        AND d.id = ANY (ARRAY(SELECT o.id FROM people_perhaps_changed(a.as_of, a.moment, a.later_as_of, a.later_moment) o)) -- if is_filtered
) c
CROSS JOIN LATERAL moment_of_difference(
    c.id, c.earlier_event_id, c.later_event_id, a.as_of, a.moment, a.later_as_of,
    a.later_moment, a.required, (a.filters).release_kind, c.after
) t
