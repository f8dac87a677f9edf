-- Lists attestations that differ from their last ledger entry: the service did not change them.
SELECT a.id
FROM attestations a
LEFT JOIN LATERAL (
    SELECT l.entry FROM ledger l
    WHERE l.resource_id = a.id AND l.action <> 'read' ORDER BY l.seq DESC LIMIT 1
) l ON true
WHERE l.entry IS NULL OR NOT to_jsonb(a) @> (l.entry - 'relays')
ORDER BY a.id
LIMIT 5
