-- How the counts of each event of these people went over publication time, as the record has it,
-- with what the people are grouped by: what the public may know of them.
SELECT e.detainee_id, e.id AS release_event_id, e.detention_id, e.occurred_on, e.announcement_id,
    v.published_from, v.independent_sources, v.independent_denials, v.kinds,
    p.sex, p.age_group, p.nationalities
FROM release_events e
JOIN detainees d ON d.id = e.detainee_id
CROSS JOIN LATERAL disclosed_person(d, 'infinity') p
LEFT JOIN verdicts v ON v.release_event_id = e.id AND v.recorded_until = 'infinity'
WHERE e.detainee_id = ANY (%(detainee_ids)s)
ORDER BY e.detainee_id, e.id, v.published_from
