-- Lists the release events whose shown values changed since a moment, like release_events/list_at.
-- Also void ones, and duplicates, which have the values of the surviving record. At most `max_scanned`
-- are compared.
SELECT k.id, CASE WHEN e.id <> k.id THEN e.id END AS merged_into, e.detainee_id, e.detainee,
    e.detention_id, e.occurred_on, e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden, e.id IS NOT NULL AS is_met,
    k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM release_events k
    WHERE true
        AND k.id = ANY (ARRAY(SELECT u.id FROM release_events_updated_since(%(updated_since)s) u)) -- unless are_many
        AND k.id > %(after)s -- if after
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN (
    LATERAL (
        SELECT s.id FROM surviving_release_event_id(k.id) s
        WHERE true
            AND EXISTS (SELECT FROM updates_of_release_event(k.id, %(updated_since)s)) -- if are_many
        OFFSET 0
    ) s
    CROSS JOIN LATERAL release_event_with_person(s.id, %(sees_hidden)s) e
    CROSS JOIN LATERAL verdict_at(e.id, %(at)s::timestamptz, %(min_sources)s) v
) ON true
    AND e.detainee_id = %(detainee_id)s -- if detainee_id
    AND e.announcement_id = %(announcement_id)s -- if announcement_id
    AND e.id = ANY (ARRAY(SELECT f.id FROM release_events_at(%(facility_id)s, %(sees_hidden)s) f)) -- if facility_id
    AND e.occurred_on >= %(occurred_from)s -- if occurred_from
    AND e.occurred_on <= %(occurred_until)s -- if occurred_until
    AND v.status = %(status)s -- if status
WHERE e.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
