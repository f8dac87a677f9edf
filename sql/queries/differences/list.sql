-- Lists those of the given people who changed between two pairs of moments, by id.
-- Names are those of today. `detainee_id` and `release_event_id` are of the surviving records, and
-- `key` is the person as recorded, who keeps a place in the list.
SELECT l.key, l.detainee_id, l.name, l.is_named, l.is_redacted, l.release_event_id,
    l.earlier_event_id, l.later_event_id, l.before, l.was_rearrested, l.after, l.is_rearrested,
    l.margin, rfc3339(l.at) AS at
FROM asked_difference(%(questions)s, %(min_sources)s, %(sees_hidden)s) a
CROSS JOIN LATERAL (
    SELECT c.detainee_id AS key, p.detainee_id, v.name, v.is_named, p.is_redacted, p.release_event_id,
        c.earlier_event_id, c.later_event_id, c.before, c.was_rearrested, c.after, c.is_rearrested,
        c.later_margin - c.earlier_margin AS margin,
        -- Of a hidden person, the moment of a re-arrest would give the day of a detention.
        CASE WHEN c.before IS DISTINCT FROM c.after OR NOT p.is_redacted THEN t.at END AS at
    FROM differences_of_people(
        %(ids)s, a.as_of, a.moment, a.later_as_of, a.later_moment, a.required, a.filters,
        %(group_by)s, a.sees_hidden
    ) c
    CROSS JOIN LATERAL listed_difference(
        c.detainee_id, c.earlier_event_id, c.later_event_id, a.filters, a.sees_hidden
    ) p
    CROSS JOIN LATERAL (
        SELECT v.name, v.is_named FROM visible_detainees(a.sees_hidden) v
        WHERE v.id = p.detainee_id
        OFFSET 0
    ) v
    CROSS JOIN LATERAL moment_of_difference(
        c.detainee_id, c.earlier_event_id, c.later_event_id, a.as_of, a.moment, a.later_as_of,
        a.later_moment, a.required, (a.filters).release_kind, c.before, c.after,
        a.sees_hidden
    ) t
    WHERE p.is_listed
        -- The group of a hidden person.
        AND (
            NOT p.is_redacted
            OR (c.before, c.was_rearrested) IS DISTINCT FROM (c.after, c.is_rearrested)
        )
) l
ORDER BY l.key
