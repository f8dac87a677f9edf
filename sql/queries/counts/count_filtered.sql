-- Counts people by the strongest status among their release events that match filters.
-- All but the day of an event is as recorded at the moment: w is the person and the detention, r the
-- event, t the detention, p the person; tt and tp are what the public may know of these.
WITH asked AS (
    SELECT %(as_of)s::timestamptz AS as_of, -- if as_of
    SELECT now() AS as_of, -- unless as_of
        %(min_sources)s::integer AS required,
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
), judged AS (
    SELECT e.id, s.status,
        e.detainee_id, -- unless recorded_as_of
        w.detainee_id, -- if recorded_as_of
        e.occurred_on,
        NULL AS value, -- unless grouped
        tt.facility_id::text AS value, -- if by_facility_id
        tp.nationalities[1] AS value, -- if by_nationality -- unless nationality
        %(nationality)s::text AS value, -- if by_nationality -- if nationality
        nullif(tp.age_group, 'unknown') AS value, -- if by_age_group
        tp.sex AS value, -- if by_sex
        verified_kind(v.kinds, v.independent_denials, a.required, s.status) AS value, -- if by_release_kind -- unless release_kind
        nullif(%(release_kind)s, 'unknown') AS value, -- if by_release_kind -- if release_kind
        r.announcement_id::text AS value, -- if by_announcement_id
        e.occurred_on::text AS value, -- if by_occurred_on
        CASE WHEN s.status = 'confirmed' THEN EXISTS (
            SELECT FROM detentions own, detentions o -- unless recorded_as_of
            WHERE own.id = e.detention_id AND o.detainee_id = e.detainee_id -- unless recorded_as_of
            SELECT FROM recorded_detentions(w.detainee_id, a.recorded_as_of) own, -- if recorded_as_of
                recorded_detentions(w.detainee_id, a.recorded_as_of) o -- if recorded_as_of
            WHERE own.id = w.detention_id -- if recorded_as_of
                AND (o.began_on, o.created_at, o.id) > (own.began_on, own.created_at, own.id)
                AND a.as_of >= detention_began_at(o.detained_on, o.began_on, o.created_at)
        ) END AS detained_again
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
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_until = 'infinity' -- unless recorded_as_of
            AND c.recorded_from <= a.recorded_as_of AND a.recorded_as_of < c.recorded_until -- if recorded_as_of
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
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
    CROSS JOIN LATERAL (
        SELECT verification_status(
            v.independent_sources, -- unless release_kind
            (v.kinds ->> %(release_kind)s)::integer, -- if release_kind
            v.independent_denials, a.required
        ) AS status
    ) s
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
        AND v.kinds ? %(release_kind)s -- if release_kind
        AND r.announcement_id = %(announcement_id)s -- if announcement_id
        AND e.id IN ( -- if announcement_id -- if recorded_as_of
            SELECT l.resource_id FROM ledger l -- if announcement_id -- if recorded_as_of
            WHERE l.resource = 'release_event' -- if announcement_id -- if recorded_as_of
                AND l.entry ->> 'announcement_id' = %(announcement_id)s::text -- if announcement_id -- if recorded_as_of
        ) -- if announcement_id -- if recorded_as_of
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until
), ranked AS (
    SELECT j.detainee_id, j.id, j.occurred_on, j.status, j.value, j.detained_again, array_position(
        ARRAY['confirmed', 'disputed', 'reported', 'refuted', 'unverified'], j.status
    ) AS rank
    FROM judged j
), people AS (
    SELECT j.detainee_id, min(j.rank) AS rank,
        NULL AS value, -- unless grouped
        (array_agg(j.value ORDER BY j.rank, j.occurred_on DESC, j.id DESC))[1] AS value, -- if grouped
        bool_and(j.detained_again) FILTER (WHERE j.status = 'confirmed') AS rearrested
    FROM ranked j GROUP BY j.detainee_id
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
