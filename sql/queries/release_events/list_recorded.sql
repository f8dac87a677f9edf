-- Lists release events as recorded at a moment, with their verdicts, by filters.
-- The events that a filter selected at any moment are looked up. Those that were entered more than five
-- minutes later (a clock may have been set back), or whose other day never changed, are skipped by their row.
-- At most `max_scanned` of the others are compared, by their verdict first: a ledger entry takes ten
-- times as long.
SELECT k.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    NULL::timestamptz AS voided_at, NULL AS void_reason, e.created_at, e.updated_at, e.is_hidden,
    e.id IS NOT NULL AS is_met, k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM release_events k
    WHERE k.created_at <= %(moment)s::timestamptz + interval '5 minutes'
        AND k.id = ANY (ARRAY(SELECT r.id FROM person_with_duplicates(%(detainee_id)s) p CROSS JOIN LATERAL release_events_perhaps_of(p.id, NULL, NULL, NULL) r)) -- if detainee_id
        AND k.id = ANY (ARRAY(SELECT r.id FROM release_events_ever_of(%(announcement_id)s) r)) -- if announcement_id
        AND k.id = ANY (ARRAY(SELECT r.id FROM release_events_ever_at(ARRAY[%(facility_id)s::uuid], %(sees_hidden)s) r)) -- if facility_id
        AND k.id = ANY (ARRAY(SELECT r.id FROM release_events_ever_on(%(first_day)s, %(last_day)s) r)) -- if first_day
        AND (k.occurred_on >= %(occurred_from)s OR k.updated_at <> k.created_at) -- if occurred_from
        AND (k.occurred_on <= %(occurred_until)s OR k.updated_at <> k.created_at) -- if occurred_until
        AND k.id = ANY (ARRAY(SELECT r.release_event_id FROM release_event_statuses r WHERE r.status_codes = ANY (codes_of_status(%(status)s, %(min_sources)s)))) -- if status
        AND k.id > %(after)s -- if after
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN (
    LATERAL (
        SELECT k.id, v.status, v.independent_sources, v.independent_denials, v.since
        FROM recorded_verdict_at(
            k.id, %(at)s::timestamptz, %(moment)s, %(min_sources)s
        ) v
        WHERE true
            AND v.status = %(status)s -- if status
        OFFSET 0
    ) v
    CROSS JOIN LATERAL recorded_release_event(v.id, %(moment)s, %(sees_hidden)s) e
) ON true
    AND e.detainee_id = %(detainee_id)s -- if detainee_id
    AND e.announcement_id = %(announcement_id)s -- if announcement_id
    AND recorded_release_is_from(%(facility_id)s, %(moment)s, %(sees_hidden)s, e.recorded_detainee_id, e.detention_id, e.detainee_id, e.present_detention_id, e.is_redacted) -- if facility_id
    AND e.occurred_on >= %(occurred_from)s -- if occurred_from
    AND e.occurred_on <= %(occurred_until)s -- if occurred_until
WHERE e.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
