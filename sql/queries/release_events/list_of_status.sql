-- Lists the release events with a status at a moment of publication time, like release_events/list_at.
-- At most a page of each of its codes is read, by the index of statuses.
SELECT e.id, NULL::uuid AS merged_into, e.detainee_id, e.detainee, e.detention_id, e.occurred_on,
    e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden
FROM unnest(codes_of_status(%(status)s, %(min_sources)s)) AS c (status_codes)
CROSS JOIN LATERAL (
    SELECT s.release_event_id AS id
    FROM release_event_statuses s
    CROSS JOIN LATERAL verdict_at(s.release_event_id, %(at)s::timestamptz, %(min_sources)s) v
    CROSS JOIN LATERAL (
        SELECT o.occurred_on, o.merged_into, o.voided_at FROM release_events o
        WHERE o.id = s.release_event_id
        OFFSET 0
    ) o
    WHERE s.status_codes = c.status_codes
        AND s.is_current -- if is_now
        -- An event has one code at a moment, so that it is in the list of one code only.
        AND status_codes(v.independent_sources, v.independent_denials) = s.status_codes
        AND o.merged_into IS NULL AND o.voided_at IS NULL
        AND o.occurred_on >= %(occurred_from)s -- if occurred_from
        AND o.occurred_on <= %(occurred_until)s -- if occurred_until
        AND s.release_event_id > %(after)s -- if after
    ORDER BY s.release_event_id
    LIMIT %(limit)s
) w
JOIN release_events_with_person(%(sees_hidden)s) e ON e.id = w.id
CROSS JOIN LATERAL verdict_at(e.id, %(at)s::timestamptz, %(min_sources)s) v
ORDER BY e.id
LIMIT %(limit)s
