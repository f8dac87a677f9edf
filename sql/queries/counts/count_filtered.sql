-- Counts people by the strongest status among their release events that match filters.
WITH asked AS (
    SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of, %(min_sources)s::integer AS required,
        %(group_by)s::text AS group_by, h.recorded_at AS recorded_as_of, h.seq AS ledger_seq
    FROM public_head h
), judged AS MATERIALIZED (
    -- Materialized, or the planner evaluates detained_again twice.
    SELECT e.id, e.detainee_id, e.occurred_on, e.created_at,
        status_rank(s.status) AS rank,
        CASE a.group_by
            WHEN 'facility_id' THEN
                (SELECT t.facility_id::text FROM disclosed_detentions t WHERE t.id = e.detention_id)
            -- A filter by nationality selects people who may have others, too.
            WHEN 'nationality' THEN coalesce(
                %(group_nationality)s::text,
                (SELECT p.nationalities[1] FROM disclosed_people p WHERE p.id = e.detainee_id)
            )
            WHEN 'age_group' THEN (
                SELECT nullif(p.age_group, 'unknown') FROM disclosed_people p
                WHERE p.id = e.detainee_id
            )
            WHEN 'sex' THEN (SELECT p.sex FROM disclosed_people p WHERE p.id = e.detainee_id)
            WHEN 'release_kind' THEN CASE
                WHEN %(release_kind)s::text IS NULL THEN
                    verified_kind(v.kinds, v.independent_denials, a.required, s.status)
                ELSE nullif(%(release_kind)s::text, 'unknown')
            END
            WHEN 'announcement_id' THEN e.announcement_id::text
            WHEN 'occurred_on' THEN e.occurred_on::text
        END AS value,
        CASE WHEN s.status = 'confirmed' THEN EXISTS (
            SELECT FROM detentions d, detentions o
            WHERE d.id = e.detention_id AND o.detainee_id = e.detainee_id
                AND o.voided_at IS NULL AND (o.began_on, o.created_at, o.id) > (d.began_on, d.created_at, d.id)
                AND a.as_of >= detention_began_at(o.detained_on, o.began_on, o.created_at)
        ) END AS detained_again
    FROM asked a
    CROSS JOIN release_events e
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_until = 'infinity'
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
    CROSS JOIN LATERAL (
        SELECT verification_status(
            CASE
                WHEN %(release_kind)s::text IS NULL THEN v.independent_sources
                ELSE (v.kinds ->> %(release_kind)s::text)::integer
            END,
            v.independent_denials, a.required
        ) AS status
    ) s
    WHERE (%(release_kind)s::text IS NULL OR v.kinds ? %(release_kind)s::text)
        AND e.id IN (SELECT f.id FROM release_events_at(%(facility_id)s) f) -- if facility_id
        AND e.detainee_id IN (SELECT p.id FROM people_of_nationality(%(nationality)s) p) -- if nationality
        AND e.detainee_id IN (SELECT p.id FROM disclosed_people p WHERE p.age_group = %(age_group)s) -- if age_group
        AND e.detainee_id IN (SELECT p.id FROM disclosed_people p WHERE p.sex = %(sex)s) -- if sex
        AND e.announcement_id = %(announcement_id)s -- if announcement_id
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until
), people AS (
    SELECT j.detainee_id, min(j.rank) AS rank,
        (array_agg(
            j.value ORDER BY j.rank, j.occurred_on DESC, j.created_at DESC, j.id DESC
        ))[1] AS value,
        bool_and(j.detained_again) FILTER (WHERE j.rank = 1) AS rearrested
    FROM judged j GROUP BY j.detainee_id
)
SELECT rfc3339(a.as_of) AS as_of, rfc3339(a.recorded_as_of) AS recorded_as_of, a.ledger_seq,
    c.value, c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a
LEFT JOIN (
    SELECT p.value,
        count(*) FILTER (WHERE p.rank = 1) AS confirmed,
        count(*) FILTER (WHERE p.rank = 2) AS disputed,
        count(*) FILTER (WHERE p.rank = 3) AS reported,
        count(*) FILTER (WHERE p.rank = 4) AS refuted,
        count(*) FILTER (WHERE p.rank = 5) AS unverified,
        count(*) FILTER (WHERE p.rearrested) AS rearrested
    FROM people p
    GROUP BY p.value
) c ON true
ORDER BY c.value
