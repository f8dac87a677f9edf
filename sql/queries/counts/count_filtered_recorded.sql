-- Counts people as counts/count_filtered does, each question at its moment of record time.
-- The day of an event never changes once it has a verdict; all else is as then recorded. w is
-- the person and the detention that an event belonged to.
WITH asked AS (
    SELECT q.number, q.as_of, q.moment, %(min_sources)s::integer AS required,
        %(group_by)s::text AS group_by, %(sees_hidden)s::boolean AS sees_hidden,
        %(filters_people)s::boolean AS filters_people, q.facility_ids, q.nationality, q.age_group,
        q.sex, q.release_kind, q.announcement_id, q.occurred_from, q.occurred_until
    FROM count_questions(%(questions)s) q
), moved_events AS MATERIALIZED (
    SELECT a.number, m.id, m.detainee_id, m.detention_id
    FROM asked a CROSS JOIN LATERAL moved_release_events(a.moment) m
), judged AS MATERIALIZED (
    -- Materialized, or the planner evaluates the columns twice.
    SELECT a.number, e.id, e.detainee_id, e.occurred_on, e.are_met,
        status_rank(s.status) AS rank, v.independent_sources,
        CASE
            WHEN a.group_by IS NULL THEN NULL
            WHEN a.group_by = 'release_kind' AND a.release_kind IS NULL THEN
                verified_kind(v.kinds, v.independent_denials, a.required, s.status)
            WHEN a.group_by = 'release_kind' THEN nullif(a.release_kind, 'unknown')
            WHEN a.group_by = 'occurred_on' THEN e.occurred_on::text
            WHEN a.group_by = 'announcement_id' THEN
                (SELECT r.entry ->> 'announcement_id' FROM recorded(e.id, a.moment) r)
            -- A filter by nationality selects people who may have others, too.
            WHEN a.group_by = 'nationality' AND a.nationality IS NOT NULL THEN a.nationality
            ELSE (
                SELECT g.value FROM recorded_group_of_person(
                    a.group_by, e.detainee_id, e.detention_id, a.moment, a.sees_hidden
                ) g
            )
        END AS value,
        CASE WHEN e.are_met AND s.status = 'confirmed' THEN EXISTS (
            SELECT FROM recorded_detained_again_at(
                e.detainee_id, e.detention_id, e.occurred_on, a.moment
            ) d
            WHERE d.began_at <= a.as_of
        ) END AS is_detained_again
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.id, w.detainee_id, w.detention_id, r.occurred_on,
            CASE WHEN a.filters_people THEN (
                SELECT f.are_met FROM recorded_filters_met(
                    w.detainee_id, w.detention_id, a.moment, a.sees_hidden,
                    a.facility_ids, a.nationality, a.age_group, a.sex
                ) f
            ) ELSE true END AS are_met
        FROM release_events r
        LEFT JOIN moved_events m ON m.number = a.number AND m.id = r.id
        CROSS JOIN LATERAL (
            SELECT coalesce(m.detainee_id, r.detainee_id) AS detainee_id,
                coalesce(m.detention_id, r.detention_id) AS detention_id
        ) w
        WHERE true
            AND r.id = ANY (ARRAY(SELECT p.id FROM release_events_perhaps_at(a.facility_ids) p)) -- if selects_facilities
            AND r.id IN (SELECT p.id FROM release_events_ever_of(a.announcement_id) p) -- if announcement_id
            AND a.announcement_id::text = (SELECT p.entry ->> 'announcement_id' FROM recorded(r.id, a.moment) p) -- if announcement_id
            AND r.id = ANY (ARRAY(SELECT n.release_event_id FROM first_verdicts n WHERE n.occurred_on >= a.occurred_from AND n.published_from <= a.as_of)) -- if occurred_from
            AND r.occurred_on <= a.occurred_until -- if occurred_until
        -- OFFSET 0: plan the events of one question, whatever number of questions is expected.
        OFFSET 0
    ) e
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_from <= a.moment AND a.moment < c.recorded_until
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
    CROSS JOIN LATERAL (
        SELECT status_of_kind(
            v.independent_sources, v.independent_denials, v.kinds, a.release_kind, a.required
        ) AS status
    ) s
    WHERE e.are_met IS NOT FALSE AND s.status IS NOT NULL
), people AS (
    SELECT j.number, min(j.rank) FILTER (WHERE j.are_met) AS rank, min(j.rank) AS possible_rank,
        (array_agg(
            j.value ORDER BY j.are_met, j.rank, j.occurred_on DESC, j.independent_sources DESC,
                j.id DESC
        ))[1] AS value,
        bool_and(j.is_detained_again) FILTER (WHERE j.rank = 1 AND j.are_met) AS is_rearrested
    FROM judged j GROUP BY j.number, j.detainee_id
)
SELECT a.number, rfc3339(a.as_of) AS as_of, rfc3339(a.moment) AS recorded_as_of,
    recorded_seq(a.moment) AS ledger_seq, c.value, c.rank, c.possible_rank, c.people, c.rearrested
FROM asked a
LEFT JOIN (
    SELECT p.number, p.value, p.rank, p.possible_rank, count(*) AS people,
        count(*) FILTER (WHERE p.is_rearrested) AS rearrested
    FROM people p GROUP BY p.number, p.value, p.rank, p.possible_rank
) c ON c.number = a.number
ORDER BY a.number, c.value
