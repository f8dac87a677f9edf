-- Lists the figures at each moment from the release events that match filters.
-- The same as counts/count_filtered, for all moments of a timeline. With `is_undisclosed`, the
-- people who count more strongly with the events that may match.
WITH asked AS (
    SELECT q.number, %(min_sources)s::integer AS required,
        %(sees_hidden)s::boolean AS sees_hidden, q.facility_ids, q.nationality, q.age_group, q.sex,
        q.release_kind, q.announcement_id, q.occurred_from, q.occurred_until, e.until AS as_of
    FROM count_questions(%(questions)s) q
    CROSS JOIN (SELECT max(e.at) AS until FROM unnest(%(ends)s::timestamptz[]) AS e (at)) e
), events AS MATERIALIZED (
    SELECT e.id, e.detainee_id, e.are_met,
        (
            SELECT d.began_at FROM detained_again_at(e.detainee_id, e.detention_id, e.occurred_on) d
        ) AS detained_again_at
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.id, r.detainee_id, r.detention_id, r.occurred_on, f.are_met
        FROM release_events r
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
        OFFSET 0
    ) e
    WHERE e.are_met IS NOT FALSE
), steps AS (
    -- rank is null where no attestation asserts the given kind.
    SELECT e.detainee_id, v.published_from,
        lead(v.published_from) OVER (PARTITION BY e.id ORDER BY v.published_from) AS until,
        status_rank(status_of_kind(
            v.independent_sources, v.independent_denials, v.kinds, a.release_kind, a.required
        )) AS rank, e.are_met, e.detained_again_at
    FROM asked a CROSS JOIN events e
    JOIN verdicts v ON v.release_event_id = e.id AND v.published_from <= a.as_of
        AND v.recorded_until = 'infinity'
)
SELECT f.confirmed, f.disputed, f.reported, f.refuted, f.unverified, f.rearrested,
    rfc3339(h.recorded_at) AS recorded_as_of, h.seq AS ledger_seq
FROM public_head h
CROSS JOIN LATERAL figures_at(
    %(ends)s, ARRAY(
        SELECT (
            s.detainee_id, s.published_from, s.until, s.rank, s.are_met, s.detained_again_at
        )::counted_step
        FROM steps s
    ), %(is_undisclosed)s
) f
