-- Lists release events with their verdicts at a moment of publication time, by filters.
-- The events of a facility, and of a few days, are looked up.
SELECT e.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden
FROM release_events_with_person(%(sees_hidden)s) e
CROSS JOIN LATERAL verdict_at(e.id, %(at)s::timestamptz, %(min_sources)s) v
WHERE e.voided_at IS NULL
    AND e.detainee_id = %(detainee_id)s -- if detainee_id
    AND e.announcement_id = %(announcement_id)s -- if announcement_id
    AND e.id = ANY (ARRAY(SELECT f.id FROM release_events_at(%(facility_id)s, %(sees_hidden)s) f)) -- if facility_id
    AND e.id = ANY (ARRAY(SELECT o.id FROM release_events o WHERE o.occurred_on BETWEEN %(first_day)s AND %(last_day)s)) -- if first_day
    AND e.occurred_on >= %(occurred_from)s -- if occurred_from
    AND e.occurred_on <= %(occurred_until)s -- if occurred_until
    AND v.status = %(status)s -- if status
    AND e.id > %(after)s -- if after
ORDER BY e.id
LIMIT %(limit)s
