-- People by the strongest status among their events that match, at any pair of moments.
WITH asked AS (
    SELECT coalesce(%(as_of)s::timestamptz, now()) AS as_of,
        %(min_sources)s::integer AS required,
        %(recorded_as_of)s::timestamptz AS recorded_as_of -- if recorded_as_of
        h.recorded_at AS recorded_as_of FROM ledger_head h -- unless recorded_as_of
), judged AS (
    SELECT e.detainee_id,
        verification_status(
            v.independent_sources, -- unless release_kind
            (v.kinds ->> %(release_kind)s)::integer, -- if release_kind
            v.independent_denials, a.required
        ) AS status,
        EXISTS (
            SELECT FROM detentions o -- unless recorded_as_of
            SELECT FROM detentions l CROSS JOIN LATERAL recorded_detention(l.id, a.recorded_as_of) o -- if recorded_as_of
            WHERE o.detainee_id = e.detainee_id -- unless recorded_as_of
            WHERE l.detainee_id = e.detainee_id -- if recorded_as_of
                AND (o.began_on, o.created_at, o.id) > (t.began_on, t.created_at, t.id)
                AND a.as_of >= CASE
                    WHEN o.detained_on IS NULL THEN o.created_at
                    ELSE o.began_on::timestamp AT TIME ZONE 'UTC'
                END
        ) AS detained_again
    FROM asked a
    CROSS JOIN release_events e -- unless recorded_as_of
    JOIN detentions t ON t.id = e.detention_id -- unless recorded_as_of
    JOIN detainees p ON p.id = e.detainee_id -- unless recorded_as_of
    CROSS JOIN release_events i -- if recorded_as_of
    CROSS JOIN LATERAL recorded_release_event(i.id, a.recorded_as_of) e -- if recorded_as_of
    CROSS JOIN LATERAL recorded_detention(e.detention_id, a.recorded_as_of) t -- if recorded_as_of
    CROSS JOIN LATERAL recorded_detainee(e.detainee_id, a.recorded_as_of) p -- if recorded_as_of
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= a.as_of
            AND c.recorded_until = 'infinity' -- unless recorded_as_of
            AND c.recorded_from <= a.recorded_as_of AND a.recorded_as_of < c.recorded_until -- if recorded_as_of
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
    WHERE true
        AND t.facility_id = %(facility_id)s -- if facility_id
        AND %(nationality)s = ANY (p.nationalities) -- if nationality
        AND p.age_group = %(age_group)s -- if age_group
        AND p.sex = %(sex)s -- if sex
        AND v.kinds ? %(release_kind)s -- if release_kind
        AND e.occurred_on >= %(occurred_from)s -- if occurred_from
        AND e.occurred_on <= %(occurred_until)s -- if occurred_until
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
