-- People by the strongest status among their events that match, at any pair of moments. An event's
-- person and detention never change; all else is taken as the record had it.
WITH asked AS (
    SELECT %(as_of)s::timestamptz AS as_of, -- if as_of
    SELECT now() AS as_of, -- unless as_of
        %(min_sources)s::integer AS required,
        %(recorded_as_of)s::timestamptz AS recorded_as_of -- if recorded_as_of
        h.recorded_at AS recorded_as_of FROM ledger_head h -- unless recorded_as_of
), judged AS (
    SELECT e.detainee_id, s.status,
        CASE WHEN s.status = 'confirmed' THEN EXISTS (
            SELECT FROM detentions t, detentions o -- unless recorded_as_of
            WHERE t.id = e.detention_id AND o.detainee_id = e.detainee_id -- unless recorded_as_of
            SELECT FROM recorded_detention(e.detention_id, a.recorded_as_of) t, -- if recorded_as_of
                detentions i, LATERAL recorded_detention(i.id, a.recorded_as_of) o -- if recorded_as_of
            WHERE i.detainee_id = e.detainee_id -- if recorded_as_of
                AND (o.began_on, o.created_at, o.id) > (t.began_on, t.created_at, t.id)
                AND a.as_of >= CASE
                    WHEN o.detained_on IS NULL THEN o.created_at
                    ELSE o.began_on::timestamp AT TIME ZONE 'UTC'
                END
        ) END AS detained_again
    FROM asked a
    CROSS JOIN release_events e
    JOIN detentions t ON t.id = e.detention_id -- if facility_id -- unless recorded_as_of
    JOIN detainees p ON p.id = e.detainee_id -- if nationality or age_group or sex -- unless recorded_as_of
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_until = 'infinity' -- unless recorded_as_of
            AND c.recorded_from <= a.recorded_as_of AND a.recorded_as_of < c.recorded_until -- if recorded_as_of
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
    CROSS JOIN LATERAL recorded_release_event(e.id, a.recorded_as_of) r -- if occurred_from or occurred_until -- if recorded_as_of
    CROSS JOIN LATERAL recorded_detention(e.detention_id, a.recorded_as_of) t -- if facility_id -- if recorded_as_of
    CROSS JOIN LATERAL recorded_detainee(e.detainee_id, a.recorded_as_of) p -- if nationality or age_group or sex -- if recorded_as_of
    CROSS JOIN LATERAL (
        SELECT verification_status(
            v.independent_sources, -- unless release_kind
            (v.kinds ->> %(release_kind)s)::integer, -- if release_kind
            v.independent_denials, a.required
        ) AS status
    ) s
    WHERE true
        AND t.facility_id = %(facility_id)s -- if facility_id
        AND %(nationality)s = ANY (p.nationalities) -- if nationality
        AND p.age_group = %(age_group)s -- if age_group
        AND p.sex = %(sex)s -- if sex
        AND v.kinds ? %(release_kind)s -- if release_kind
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from -- unless recorded_as_of
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until -- unless recorded_as_of
        AND r.occurred_on >= %(occurred_from)s -- if occurred_from -- if recorded_as_of
        AND r.occurred_on <= %(occurred_until)s -- if occurred_until -- if recorded_as_of
), people AS (
    SELECT j.detainee_id,
        min(array_position(ARRAY['confirmed', 'disputed', 'reported', 'refuted'], j.status)) AS rank,
        bool_and(j.detained_again) FILTER (WHERE j.status = 'confirmed') AS rearrested
    FROM judged j GROUP BY j.detainee_id
)
SELECT a.as_of, a.recorded_as_of, a.required AS min_sources,
    c.confirmed, c.disputed, c.reported, c.refuted, c.unverified, c.rearrested
FROM asked a, (
    SELECT count(*) FILTER (WHERE rank = 1) AS confirmed,
        count(*) FILTER (WHERE rank = 2) AS disputed,
        count(*) FILTER (WHERE rank = 3) AS reported,
        count(*) FILTER (WHERE rank = 4) AS refuted,
        count(*) FILTER (WHERE rank IS NULL) AS unverified,
        count(*) FILTER (WHERE rearrested) AS rearrested
    FROM people
) c
