-- Lists release events with their verdicts at a moment of publication time, by filters.
-- The events of a person, a facility, an announcement, and of a few days, are looked up. At most
-- `max_scanned` of them are compared.
SELECT e.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden, e.id IS NOT NULL AS is_met,
    k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM release_events k
    WHERE k.voided_at IS NULL AND k.merged_into IS NULL
        AND k.detainee_id = %(detainee_id)s -- if detainee_id
        AND k.announcement_id = %(announcement_id)s -- if announcement_id
        AND k.id = ANY (ARRAY(SELECT f.id FROM release_events_at(%(facility_id)s, %(sees_hidden)s) f)) -- if facility_id
        AND k.id = ANY (ARRAY(SELECT o.id FROM release_events o WHERE o.occurred_on BETWEEN %(first_day)s AND %(last_day)s)) -- if first_day
        AND k.occurred_on >= %(occurred_from)s -- if occurred_from
        AND k.occurred_on <= %(occurred_until)s -- if occurred_until
        AND k.id > %(after)s -- if after
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN (
    LATERAL (
        SELECT k.id, v.status, v.independent_sources, v.independent_denials, v.since
        FROM verdict_at(k.id, %(at)s::timestamptz, %(min_sources)s) v
        WHERE true
            AND v.status = %(status)s -- if status
        OFFSET 0
    ) v
    CROSS JOIN LATERAL release_event_with_person(v.id, %(sees_hidden)s) e
) ON true
WHERE e.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
