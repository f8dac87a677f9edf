-- An event, with its person locked: two attestations at once must not lose one.
SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, clock_timestamp() AS now
FROM release_events e JOIN detainees d ON d.id = e.detainee_id
WHERE e.id = %(id)s
FOR NO KEY UPDATE OF d
