-- Counts people as counts/count_filtered does, at a moment of record time.
-- The day of an event never changes once it has attestations; all else is as recorded at the moment.
-- w is the person and the detention that an event belonged to.
WITH asked AS (
    SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of, %(min_sources)s::integer AS required,
        %(group_by)s::text AS group_by, %(recorded_as_of)s::timestamptz AS recorded_as_of,
        recorded_seq(%(recorded_as_of)s::timestamptz) AS ledger_seq
), moved_events AS MATERIALIZED (
    SELECT m.id, m.detainee_id, m.detention_id
    FROM asked a CROSS JOIN LATERAL moved_release_events(a.recorded_as_of) m
), judged AS MATERIALIZED (
    -- Materialized, or the planner evaluates detained_again twice.
    SELECT e.id, w.detainee_id, e.occurred_on, e.created_at,
        status_rank(s.status) AS rank,
        CASE a.group_by
            WHEN 'facility_id' THEN (
                SELECT f.facility_id::text
                FROM recorded_facility(w.detention_id, w.detainee_id, a.recorded_as_of) f
            )
            -- A filter by nationality selects people who may have others, too.
            WHEN 'nationality' THEN coalesce(
                %(group_nationality)s::text,
                (SELECT p.nationalities[1] FROM recorded_person(w.detainee_id, a.recorded_as_of) p)
            )
            WHEN 'age_group' THEN (
                SELECT nullif(p.age_group, 'unknown')
                FROM recorded_person(w.detainee_id, a.recorded_as_of) p
            )
            WHEN 'sex' THEN
                (SELECT p.sex FROM recorded_person(w.detainee_id, a.recorded_as_of) p)
            WHEN 'release_kind' THEN CASE
                WHEN %(release_kind)s::text IS NULL THEN
                    verified_kind(v.kinds, v.independent_denials, a.required, s.status)
                ELSE nullif(%(release_kind)s::text, 'unknown')
            END
            WHEN 'announcement_id' THEN
                (SELECT r.entry ->> 'announcement_id' FROM recorded(e.id, a.recorded_as_of) r)
            WHEN 'occurred_on' THEN e.occurred_on::text
        END AS value,
        CASE WHEN s.status = 'confirmed' THEN EXISTS (
            SELECT FROM recorded_detentions(w.detainee_id, a.recorded_as_of) d,
                recorded_detentions(w.detainee_id, a.recorded_as_of) o
            WHERE d.id = w.detention_id
                AND (o.began_on, o.created_at, o.id) > (d.began_on, d.created_at, d.id)
                AND a.as_of >= detention_began_at(o.detained_on, o.began_on, o.created_at)
        ) END AS detained_again
    FROM asked a
    CROSS JOIN release_events e
    LEFT JOIN moved_events m ON m.id = e.id
    CROSS JOIN LATERAL (
        SELECT coalesce(m.detainee_id, e.detainee_id) AS detainee_id,
            coalesce(m.detention_id, e.detention_id) AS detention_id
    ) w
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_from <= a.recorded_as_of AND a.recorded_as_of < c.recorded_until
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
        AND e.id IN (SELECT f.id FROM release_events_ever_at(%(facility_id)s) f) -- if facility_id
        AND %(facility_id)s = (SELECT f.facility_id FROM recorded_facility(w.detention_id, w.detainee_id, a.recorded_as_of) f) -- if facility_id
        AND %(nationality)s = ANY ((SELECT p.nationalities FROM recorded_person(w.detainee_id, a.recorded_as_of) p)::text[]) -- if nationality
        AND %(age_group)s = (SELECT p.age_group FROM recorded_person(w.detainee_id, a.recorded_as_of) p) -- if age_group
        AND %(sex)s = (SELECT p.sex FROM recorded_person(w.detainee_id, a.recorded_as_of) p) -- if sex
        AND e.id IN (SELECT f.id FROM release_events_ever_of(%(announcement_id)s) f) -- if announcement_id
        AND %(announcement_id)s::text = (SELECT r.entry ->> 'announcement_id' FROM recorded(e.id, a.recorded_as_of) r) -- if announcement_id
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
