-- Gets a release event that is not a merged duplicate, and the database's time.
SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.place, e.announcement_id, e.voided_at,
    greatest(clock_timestamp(), (SELECT h.recorded_at FROM ledger_head h)) AS now
FROM release_events e
WHERE e.id = %(id)s AND e.merged_into IS NULL
