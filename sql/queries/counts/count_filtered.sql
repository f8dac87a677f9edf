-- Counts people by the strongest status among their release events that match filters.
-- A row has the people of one group and one pair of ranks of statuses: `rank` of the events that
-- certainly match, null if none does, and `possible_rank` with those that may match. Several
-- questions with the same filters are answered at once.
WITH asked AS (
    SELECT q.number, q.as_of, %(min_sources)s::integer AS required,
        %(group_by)s::text AS group_by, %(sees_hidden)s::boolean AS sees_hidden,
        q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
        q.occurred_from, q.occurred_until
    FROM count_questions(%(questions)s) q
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
            WHEN a.group_by = 'announcement_id' THEN e.announcement_id::text
            -- A filter by nationality selects people who may have others, too.
            WHEN a.group_by = 'nationality' AND a.nationality IS NOT NULL THEN a.nationality
            ELSE (
                SELECT g.value
                FROM group_of_person(a.group_by, e.detainee_id, e.detention_id, a.sees_hidden) g
            )
        END AS value,
        CASE WHEN e.are_met AND s.status = 'confirmed' THEN EXISTS (
            SELECT FROM detained_again_at(e.detainee_id, e.detention_id, e.occurred_on) d
            WHERE d.began_at <= a.as_of
        ) END AS is_detained_again
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.id, r.detainee_id, r.detention_id, r.occurred_on, r.announcement_id,
            f.are_met
        FROM release_events r
        -- A join, not a subquery: PostgreSQL then reads the people of a nationality once. That takes a
        -- fifth off such a count.
        CROSS JOIN LATERAL filters_met(
            r.detainee_id, r.detention_id, a.sees_hidden,
            a.facility_ids, a.nationality, a.age_group, a.sex
        ) f
        WHERE true
            AND r.detention_id = ANY (ARRAY(SELECT p.id FROM detentions_perhaps_at(a.facility_ids) p)) -- if selects_facilities
            AND r.detainee_id IN (SELECT p.id FROM people_perhaps_of(a.nationality) p) -- if nationality
            AND r.announcement_id = a.announcement_id -- if announcement_id
            AND r.id = ANY (ARRAY(SELECT n.release_event_id FROM first_verdicts n WHERE n.occurred_on >= a.occurred_from AND n.published_from <= a.as_of)) -- if occurred_from
            AND r.occurred_on <= a.occurred_until -- if occurred_until
        -- OFFSET 0: plan the events of one question, whatever number of questions is expected.
        OFFSET 0
    ) e
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_until = 'infinity'
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
SELECT a.number, rfc3339(a.as_of) AS as_of, rfc3339(h.recorded_at) AS recorded_as_of,
    h.seq AS ledger_seq, c.value, c.rank, c.possible_rank, c.people, c.rearrested
FROM asked a CROSS JOIN public_head h
LEFT JOIN (
    SELECT p.number, p.value, p.rank, p.possible_rank, count(*) AS people,
        count(*) FILTER (WHERE p.is_rearrested) AS rearrested
    FROM people p GROUP BY p.number, p.value, p.rank, p.possible_rank
) c ON c.number = a.number
ORDER BY a.number, c.value
