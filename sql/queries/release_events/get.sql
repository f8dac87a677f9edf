-- Gets a release event that is not a merged duplicate, the number of its attestations that are not
-- void, and the database's time.
SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.place, e.announcement_id, e.voided_at,
    (
        SELECT count(*) FROM attestations a WHERE a.release_event_id = e.id AND a.voided_at IS NULL
    ) AS live_attestations,
    greatest(clock_timestamp(), (SELECT h.recorded_at FROM ledger_head h)) AS now
FROM release_events e
WHERE e.id = %(id)s AND e.merged_into IS NULL
