-- Counts the people of each status who are behind a count of the past and not in its list.
SELECT c.status, count(*) AS people, count(*) FILTER (WHERE c.is_rearrested) AS rearrested
FROM (
    SELECT q.as_of, q.moment, %(min_sources)s::integer AS required, (
            q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
            q.occurred_from, q.occurred_until
        )::count_filters AS filters
    FROM count_questions(%(questions)s) q
) a
CROSS JOIN LATERAL people_perhaps_redacted(filters_people(a.filters)) d
CROSS JOIN LATERAL counted_person(d.id, a.as_of, a.moment, a.required, a.filters, false) c
CROSS JOIN LATERAL listed_person(d.id, c.release_event_id, a.filters, false) p
WHERE NOT p.is_listed
GROUP BY c.status
