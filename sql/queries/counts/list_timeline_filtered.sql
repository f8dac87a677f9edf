-- Lists the figures at each moment from the release events that match filters.
-- The same as counts/count_filtered, for all moments of a timeline.
WITH ends AS (
    SELECT e.at, e.position
    FROM unnest(%(ends)s::timestamptz[]) WITH ORDINALITY AS e (at, position)
), asked AS (
    SELECT (SELECT max(e.at) FROM ends e) AS until, %(min_sources)s::integer AS required,
        h.recorded_at AS recorded_as_of, h.seq AS ledger_seq
    FROM public_head h
), events AS MATERIALIZED (
    SELECT e.id, e.detainee_id,
        (
            SELECT min(detention_began_at(o.detained_on, o.began_on, o.created_at))
            FROM detentions d, detentions o
            WHERE d.id = e.detention_id AND o.detainee_id = e.detainee_id
                AND o.voided_at IS NULL AND (o.began_on, o.created_at, o.id) > (d.began_on, d.created_at, d.id)
        ) AS detained_again_at
    FROM release_events e
    WHERE true
        AND e.id IN (SELECT f.id FROM release_events_at(%(facility_id)s) f) -- if facility_id
        AND e.detainee_id IN (SELECT p.id FROM people_of_nationality(%(nationality)s) p) -- if nationality
        AND e.detainee_id IN (SELECT p.id FROM disclosed_people p WHERE p.age_group = %(age_group)s) -- if age_group
        AND e.detainee_id IN (SELECT p.id FROM disclosed_people p WHERE p.sex = %(sex)s) -- if sex
        AND e.announcement_id = %(announcement_id)s -- if announcement_id
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until
), steps AS (
    -- rank is null where no attestation asserts the given kind.
    SELECT e.detainee_id, e.id, e.detained_again_at, v.published_from AS at,
        lead(v.published_from) OVER (PARTITION BY e.id ORDER BY v.published_from) AS next_at,
        CASE
            WHEN %(release_kind)s::text IS NULL THEN status_rank(verification_status(
                v.independent_sources, v.independent_denials, a.required
            ))
            WHEN v.kinds ? %(release_kind)s::text THEN status_rank(verification_status(
                (v.kinds ->> %(release_kind)s::text)::integer, v.independent_denials, a.required
            ))
        END AS rank
    FROM asked a CROSS JOIN events e
    JOIN verdicts v ON v.release_event_id = e.id AND v.published_from <= a.until
        AND v.recorded_until = 'infinity'
), moments AS (
    SELECT s.detainee_id, s.at FROM steps s
    UNION
    SELECT e.detainee_id, e.detained_again_at FROM events e WHERE e.detained_again_at IS NOT NULL
), people AS (
    SELECT m.detainee_id, m.at, min(s.rank) AS rank,
        bool_and(s.detained_again_at <= m.at) FILTER (WHERE s.rank = 1) AS again
    FROM moments m
    LEFT JOIN steps s ON s.detainee_id = m.detainee_id AND s.at <= m.at
        AND (s.next_at IS NULL OR m.at < s.next_at)
    GROUP BY m.detainee_id, m.at
), changes AS (
    SELECT p.at, p.rank, p.again, lag(p.rank) OVER w AS former, lag(p.again) OVER w AS former_again
    FROM people p
    WINDOW w AS (PARTITION BY p.detainee_id ORDER BY p.at)
), moved AS (
    SELECT c.at AS moment, NULL::bigint AS position, 1 AS sign, c.rank, c.again FROM changes c
    UNION ALL
    SELECT c.at, NULL, -1, c.former, c.former_again FROM changes c
    UNION ALL
    SELECT e.at, e.position, 0, NULL, NULL FROM ends e
), summed AS (
    -- A change at a moment counts at that moment.
    SELECT m.position,
        sum(m.sign) FILTER (WHERE m.rank = 1) OVER w AS confirmed,
        sum(m.sign) FILTER (WHERE m.rank = 2) OVER w AS disputed,
        sum(m.sign) FILTER (WHERE m.rank = 3) OVER w AS reported,
        sum(m.sign) FILTER (WHERE m.rank = 4) OVER w AS refuted,
        sum(m.sign) FILTER (WHERE m.rank = 5) OVER w AS unverified,
        sum(m.sign) FILTER (WHERE m.again) OVER w AS rearrested
    FROM moved m
    WINDOW w AS (ORDER BY m.moment RANGE UNBOUNDED PRECEDING)
)
SELECT c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested,
    rfc3339(a.recorded_as_of) AS recorded_as_of, a.ledger_seq
FROM asked a, (
    SELECT array_agg(s.confirmed) AS confirmed, array_agg(s.disputed) AS disputed,
        array_agg(s.reported) AS reported, array_agg(s.refuted) AS refuted,
        array_agg(s.unverified) AS unverified, array_agg(s.rearrested) AS rearrested
    FROM (
        SELECT coalesce(m.confirmed, 0) AS confirmed, coalesce(m.disputed, 0) AS disputed,
            coalesce(m.reported, 0) AS reported, coalesce(m.refuted, 0) AS refuted,
            coalesce(m.unverified, 0) AS unverified, coalesce(m.rearrested, 0) AS rearrested
        FROM summed m WHERE m.position IS NOT NULL
        ORDER BY m.position
    ) s
) c
