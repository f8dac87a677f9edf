-- How the counts of each matching event went over publication time, person by person, at a moment
-- of the record: what count_matching_people counts at one moment, for a whole timeline. Where nobody
-- asserts the kind that is asked for, the event has no sources: null.
WITH asked AS (
    SELECT %(until)s::timestamptz AS until,
        %(recorded_as_of)s::timestamptz AS recorded_as_of -- if recorded_as_of
        h.recorded_at AS recorded_as_of FROM ledger_head h -- unless recorded_as_of
)
SELECT e.detainee_id, e.id AS release_event_id, v.published_from,
    v.independent_sources, -- unless release_kind
    (v.kinds ->> %(release_kind)s)::integer AS independent_sources, -- if release_kind
    v.independent_denials,
    (
        SELECT min(CASE
            WHEN o.detained_on IS NULL THEN o.created_at
            ELSE o.began_on::timestamp AT TIME ZONE 'UTC'
        END)
        FROM detentions own, detentions o -- unless recorded_as_of
        WHERE own.id = e.detention_id AND o.detainee_id = e.detainee_id -- unless recorded_as_of
        FROM recorded(e.detention_id, a.recorded_as_of) x, -- if recorded_as_of
            jsonb_populate_record(NULL::detentions, x.entry) own, detentions i, -- if recorded_as_of
            LATERAL recorded(i.id, a.recorded_as_of) y, -- if recorded_as_of
            jsonb_populate_record(NULL::detentions, y.entry) o -- if recorded_as_of
        WHERE i.detainee_id = e.detainee_id -- if recorded_as_of
            AND (o.began_on, o.created_at, o.id) > (own.began_on, own.created_at, own.id)
    ) AS detained_again_at
FROM asked a
CROSS JOIN release_events e
CROSS JOIN LATERAL (SELECT e.announcement_id) r -- if event -- unless recorded_as_of
-- Not `=`, for which the index of the three days would be taken: much slower.
JOIN detentions t ON t.detainee_id = e.detainee_id -- if detention -- unless recorded_as_of
    AND t.id IS NOT DISTINCT FROM e.detention_id -- if detention -- unless recorded_as_of
JOIN detainees p ON p.id = e.detainee_id -- if person -- unless recorded_as_of
JOIN verdicts v ON v.release_event_id = e.id AND v.published_from <= a.until
    AND v.recorded_until = 'infinity' -- unless recorded_as_of
    AND v.recorded_from <= a.recorded_as_of AND a.recorded_as_of < v.recorded_until -- if recorded_as_of
CROSS JOIN LATERAL recorded(e.id, a.recorded_as_of) re -- if event -- if recorded_as_of
CROSS JOIN LATERAL jsonb_populate_record(NULL::release_events, re.entry) r -- if event -- if recorded_as_of
CROSS JOIN LATERAL recorded(e.detention_id, a.recorded_as_of) te -- if detention -- if recorded_as_of
CROSS JOIN LATERAL jsonb_populate_record(NULL::detentions, te.entry) t -- if detention -- if recorded_as_of
CROSS JOIN LATERAL recorded(e.detainee_id, a.recorded_as_of) pe -- if person -- if recorded_as_of
CROSS JOIN LATERAL jsonb_populate_record(NULL::detainees, pe.entry) p -- if person -- if recorded_as_of
WHERE true
    AND t.facility_id = %(facility_id)s -- if facility_id
    AND p.nationalities @> ARRAY[%(nationality)s] -- if nationality
    AND p.age_group = %(age_group)s -- if age_group
    AND p.sex = %(sex)s -- if sex
    AND r.announcement_id = %(announcement_id)s -- if announcement_id
    AND e.occurred_on >= %(occurred_from)s -- if occurred_from
    AND e.occurred_on <= %(occurred_until)s -- if occurred_until
    AND e.occurred_on <= (a.until AT TIME ZONE 'UTC')::date + (SELECT days FROM leads)
ORDER BY e.detainee_id, e.id, v.published_from
