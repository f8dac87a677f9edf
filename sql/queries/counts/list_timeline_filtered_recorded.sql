-- Lists the figures as counts/list_timeline_filtered does, at a moment of record time.
-- w is the person and the detention that an event belonged to.
WITH asked AS (
    SELECT q.number, q.moment, %(min_sources)s::integer AS required,
        %(sees_hidden)s::boolean AS sees_hidden, %(filters_people)s::boolean AS filters_people,
        q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
        q.occurred_from, q.occurred_until, e.until AS as_of
    FROM count_questions(%(questions)s) q
    CROSS JOIN (SELECT max(e.at) AS until FROM unnest(%(ends)s::timestamptz[]) AS e (at)) e
), moved_events AS MATERIALIZED (
    SELECT a.number, m.id, m.detainee_id, m.detention_id
    FROM asked a CROSS JOIN LATERAL moved_release_events(a.moment) m
), events AS MATERIALIZED (
    SELECT e.id, e.detainee_id, e.are_met,
        (
            SELECT d.began_at
            FROM recorded_detained_again_at(
                e.detainee_id, e.detention_id, e.occurred_on, a.moment
            ) d
        ) AS detained_again_at
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.id, w.detainee_id, w.detention_id, r.occurred_on,
            CASE WHEN a.filters_people THEN (
                SELECT f.are_met FROM recorded_filters_met(
                    w.detainee_id, w.detention_id, a.moment, a.sees_hidden,
                    a.facility_ids, a.nationality, a.age_group, a.sex
                ) f
            ) ELSE true END AS are_met
        FROM release_events r
        LEFT JOIN moved_events m ON m.number = a.number AND m.id = r.id
        CROSS JOIN LATERAL (
            SELECT coalesce(m.detainee_id, r.detainee_id) AS detainee_id,
                coalesce(m.detention_id, r.detention_id) AS detention_id
        ) w
        WHERE true
            AND r.id = ANY (ARRAY(SELECT p.id FROM release_events_perhaps_at(a.facility_ids) p)) -- if selects_facilities
            AND r.id IN (SELECT p.id FROM release_events_ever_of(a.announcement_id) p) -- if announcement_id
            AND a.announcement_id::text = (SELECT p.entry ->> 'announcement_id' FROM recorded(r.id, a.moment) p) -- if announcement_id
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
        AND v.recorded_from <= a.moment AND a.moment < v.recorded_until
)
SELECT f.confirmed, f.disputed, f.reported, f.refuted, f.unverified, f.rearrested,
    rfc3339(a.moment) AS recorded_as_of, recorded_seq(a.moment) AS ledger_seq
FROM asked a
CROSS JOIN LATERAL figures_at(
    %(ends)s, ARRAY(
        SELECT (
            s.detainee_id, s.published_from, s.until, s.rank, s.are_met, s.detained_again_at
        )::counted_step
        FROM steps s
    ), %(is_undisclosed)s
) f
