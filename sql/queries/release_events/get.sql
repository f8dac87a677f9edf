-- Whose release event it is, of which detention, day, place and announcement, and what time it is;
-- none for one that became another.
SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.place, e.announcement_id,
    greatest(clock_timestamp(), (SELECT h.recorded_at FROM ledger_head h)) AS now
FROM release_events e
WHERE e.id = %(id)s AND e.merged_into IS NULL
