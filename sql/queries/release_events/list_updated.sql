-- Lists the release events that show something else since a moment, like release_events/list_at.
-- Also void ones, and duplicates, which have the values of the surviving record.
SELECT k.id, CASE WHEN e.id <> k.id THEN e.id END AS merged_into, e.detainee_id, e.detainee,
    e.detention_id, e.occurred_on, e.place, e.announcement_id,
    verification_summary(
        v.status, v.independent_sources, v.independent_denials, v.since
    ) AS verification,
    e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden
FROM release_events k
CROSS JOIN LATERAL surviving_release_event_id(k.id) s
CROSS JOIN LATERAL (
    SELECT o.id, o.detainee_id, o.detainee, o.detention_id, o.occurred_on, o.place,
        o.announcement_id, o.voided_at, o.void_reason, o.created_at, o.updated_at, o.is_hidden
    FROM release_events_with_person(%(sees_hidden)s) o
    WHERE o.id = s.id
    OFFSET 0
) e
CROSS JOIN LATERAL verdict_at(e.id, %(at)s::timestamptz, %(min_sources)s) v
WHERE k.id = ANY (ARRAY(SELECT u.id FROM release_events_updated_since(%(updated_since)s) u))
    AND e.detainee_id = %(detainee_id)s -- if detainee_id
    AND e.announcement_id = %(announcement_id)s -- if announcement_id
    AND e.id = ANY (ARRAY(SELECT f.id FROM release_events_at(%(facility_id)s, %(sees_hidden)s) f)) -- if facility_id
    AND e.occurred_on >= %(occurred_from)s -- if occurred_from
    AND e.occurred_on <= %(occurred_until)s -- if occurred_until
    AND v.status = %(status)s -- if status
    AND k.id > %(after)s -- if after
ORDER BY k.id
LIMIT %(limit)s
