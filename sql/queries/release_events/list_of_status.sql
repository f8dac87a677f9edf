-- Lists the release events with a status at a moment of publication time, like release_events/list_at.
-- Those that have or had one of its codes are read by the index of statuses; at most `max_scanned` are
-- compared.
SELECT e.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden, e.id IS NOT NULL AS is_met,
    k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM (
        SELECT DISTINCT s.id
        FROM unnest(codes_of_status(%(status)s, %(min_sources)s)) AS c (status_codes)
        CROSS JOIN LATERAL (
            SELECT s.release_event_id AS id
            FROM release_event_statuses s
            WHERE s.status_codes = c.status_codes
                AND s.is_current -- if is_now
                AND s.release_event_id > %(after)s -- if after
            ORDER BY s.release_event_id
            LIMIT %(max_scanned)s
        ) s
    ) k
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN (
    LATERAL (
        SELECT o.id
        FROM release_events o
        WHERE o.id = k.id AND o.merged_into IS NULL AND o.voided_at IS NULL
            AND o.occurred_on >= %(occurred_from)s -- if occurred_from
            AND o.occurred_on <= %(occurred_until)s -- if occurred_until
        OFFSET 0
    ) o
    CROSS JOIN LATERAL (
        SELECT o.id, v.status, v.independent_sources, v.independent_denials, v.since
        FROM verdict_at(o.id, %(at)s::timestamptz, %(min_sources)s) v
        WHERE v.status = %(status)s
        OFFSET 0
    ) v
    CROSS JOIN LATERAL release_event_with_person(v.id, %(sees_hidden)s) e
) ON true
WHERE e.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
