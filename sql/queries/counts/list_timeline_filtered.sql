-- Lists the figures at each moment from the release events that match filters.
-- The same as counts/count_filtered, for all moments of a timeline.
WITH ends AS (
    SELECT e.at, e.position
    FROM unnest(%(ends)s::timestamptz[]) WITH ORDINALITY AS e (at, position)
), asked AS (
    SELECT (SELECT max(e.at) FROM ends e) AS until, %(min_sources)s::integer AS required,
        %(recorded_as_of)s::timestamptz AS recorded_as_of, -- if recorded_as_of
        recorded_seq(%(recorded_as_of)s::timestamptz) AS ledger_seq -- if recorded_as_of
        h.recorded_at AS recorded_as_of, h.seq AS ledger_seq FROM public_head h -- unless recorded_as_of
), merged AS MATERIALIZED ( -- if recorded_as_of
    -- The person and detention at that time of the events that were ever moved by a merge. -- if recorded_as_of
    SELECT m.id, (r.entry ->> 'detainee_id')::uuid AS detainee_id, -- if recorded_as_of
        (r.entry ->> 'detention_id')::uuid AS detention_id -- if recorded_as_of
    FROM asked a CROSS JOIN ( -- if recorded_as_of
        SELECT DISTINCT l.resource_id AS id FROM ledger l -- if recorded_as_of
        WHERE l.action = 'moved' AND l.resource = 'release_event' -- if recorded_as_of
    ) m CROSS JOIN LATERAL recorded(m.id, a.recorded_as_of) r -- if recorded_as_of
), events AS MATERIALIZED (
    SELECT e.id,
        e.detainee_id, -- unless recorded_as_of
        w.detainee_id, -- if recorded_as_of
        (
            SELECT min(detention_began_at(o.detained_on, o.began_on, o.created_at))
            FROM detentions own, detentions o -- unless recorded_as_of
            WHERE own.id = e.detention_id AND o.detainee_id = e.detainee_id -- unless recorded_as_of
            FROM recorded_detentions(w.detainee_id, a.recorded_as_of) own, -- if recorded_as_of
                recorded_detentions(w.detainee_id, a.recorded_as_of) o -- if recorded_as_of
            WHERE own.id = w.detention_id -- if recorded_as_of
                AND (o.began_on, o.created_at, o.id) > (own.began_on, own.created_at, own.id)
        ) AS detained_again_at
    FROM asked a
    CROSS JOIN release_events e
    LEFT JOIN merged m ON m.id = e.id -- if recorded_as_of
    CROSS JOIN LATERAL ( -- if recorded_as_of
        SELECT coalesce(m.detainee_id, e.detainee_id) AS detainee_id, -- if recorded_as_of
            coalesce(m.detention_id, e.detention_id) AS detention_id -- if recorded_as_of
    ) w -- if recorded_as_of
    CROSS JOIN LATERAL (SELECT e.announcement_id) r -- if event -- unless recorded_as_of
    -- Not `=`: for it the planner takes the GiST index of the three days, which is slower.
    JOIN detentions t ON t.detainee_id = e.detainee_id -- if detention -- unless recorded_as_of
        AND t.id IS NOT DISTINCT FROM e.detention_id -- if detention -- unless recorded_as_of
    JOIN detainees p ON p.id = e.detainee_id -- if person -- unless recorded_as_of
    CROSS JOIN LATERAL recorded(e.id, a.recorded_as_of) re -- if event -- if recorded_as_of
    CROSS JOIN LATERAL jsonb_populate_record(NULL::release_events, re.entry) r -- if event -- if recorded_as_of
    CROSS JOIN LATERAL recorded(w.detention_id, a.recorded_as_of) te -- if detention -- if recorded_as_of
    CROSS JOIN LATERAL jsonb_populate_record(NULL::detentions, te.entry) t -- if detention -- if recorded_as_of
    CROSS JOIN LATERAL recorded(w.detainee_id, a.recorded_as_of) pe -- if person -- if recorded_as_of
    CROSS JOIN LATERAL jsonb_populate_record(NULL::detainees, pe.entry) p -- if person -- if recorded_as_of
    CROSS JOIN LATERAL disclosed_person(p, a.recorded_as_of) tp -- if person
    CROSS JOIN LATERAL ( -- if detention
        SELECT disclosed_facility(p.age_group, p.withheld, t.facility_id, a.recorded_as_of) AS facility_id -- if detention
    ) tt -- if detention
    WHERE true
        AND t.facility_id = %(facility_id)s AND tt.facility_id IS NOT NULL -- if facility_id
        -- Only events that ever had it, by an index of the ledger.
        AND e.id IN ( -- if facility_id -- if recorded_as_of
            SELECT c.id FROM ledger l -- if facility_id -- if recorded_as_of
            JOIN detentions h ON h.id = l.resource_id -- if facility_id -- if recorded_as_of
            JOIN release_events c ON c.detainee_id = h.detainee_id -- if facility_id -- if recorded_as_of
                AND c.detention_id IS NOT DISTINCT FROM h.id -- if facility_id -- if recorded_as_of
            WHERE l.resource = 'detention' -- if facility_id -- if recorded_as_of
                AND l.entry ->> 'facility_id' = %(facility_id)s::text -- if facility_id -- if recorded_as_of
            UNION -- if facility_id -- if recorded_as_of
            SELECT m.id FROM merged m -- if facility_id -- if recorded_as_of
        ) -- if facility_id -- if recorded_as_of
        AND p.nationalities @> ARRAY[%(nationality)s] AND tp.nationalities <> '{}' -- if nationality
        AND tp.age_group = %(age_group)s -- if age_group
        AND tp.sex = %(sex)s -- if sex
        AND r.announcement_id = %(announcement_id)s -- if announcement_id
        AND e.id IN ( -- if announcement_id -- if recorded_as_of
            SELECT l.resource_id FROM ledger l -- if announcement_id -- if recorded_as_of
            WHERE l.resource = 'release_event' -- if announcement_id -- if recorded_as_of
                AND l.entry ->> 'announcement_id' = %(announcement_id)s::text -- if announcement_id -- if recorded_as_of
        ) -- if announcement_id -- if recorded_as_of
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until
), steps AS (
    -- Null where no attestation asserts the given kind.
    SELECT e.detainee_id, e.id, e.detained_again_at, v.published_from AS at,
        lead(v.published_from) OVER (PARTITION BY e.id ORDER BY v.published_from) AS next_at,
        CASE WHEN v.kinds ? %(release_kind)s THEN -- if release_kind
        array_position(
            ARRAY['confirmed', 'disputed', 'reported', 'refuted', 'unverified'],
            verification_status(
                v.independent_sources, -- unless release_kind
                (v.kinds ->> %(release_kind)s)::integer, -- if release_kind
                v.independent_denials, a.required
            )
        )
        END -- if release_kind
        AS rank
    FROM asked a CROSS JOIN events e
    JOIN verdicts v ON v.release_event_id = e.id AND v.published_from <= a.until
        AND v.recorded_until = 'infinity' -- unless recorded_as_of
        AND v.recorded_from <= a.recorded_as_of AND a.recorded_as_of < v.recorded_until -- if recorded_as_of
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
