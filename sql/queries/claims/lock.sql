-- Locks a claim that is about to be retracted or voided, also against new references to it.
SELECT c.kind, c.value, c.qualifier, c.as_of, c.published_at, c.retracted_at, c.voided_at,
    ARRAY(
        SELECT (r.relay ->> 'claim_id')::uuid FROM jsonb_array_elements(c.relays) r (relay)
        WHERE r.relay ->> 'claim_id' IS NOT NULL
        UNION
        SELECT c.announcement_id WHERE c.announcement_id IS NOT NULL
    ) AS referenced,
    greatest(clock_timestamp(), (SELECT h.recorded_at FROM ledger_head h)) AS now
FROM claims c
WHERE c.id = %(id)s
FOR UPDATE
