-- Finds another release event of a detention within three days.
SELECT e.id FROM release_events e
-- Not `=`: see 0009_release_events.sql.
WHERE e.detainee_id = %(detainee_id)s AND e.detention_id IS NOT DISTINCT FROM %(detention_id)s
    AND e.occurred_on BETWEEN %(occurred_on)s::date - 3 AND %(occurred_on)s::date + 3
    AND e.voided_at IS NULL AND e.id IS DISTINCT FROM %(except_id)s
ORDER BY e.id
LIMIT 1
