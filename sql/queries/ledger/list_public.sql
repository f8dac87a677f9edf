-- Lists public ledger entries after a public number, without the rows of their records.
-- The key that entered a record of a source that is confidential now is redacted, also in the entries
-- of the same transaction: they have one moment, and would tell it.
SELECT l.public_seq AS id, l.public_seq AS seq, l.recorded_at, l.resource, l.resource_id, l.action,
    CASE WHEN NOT EXISTS (
        SELECT FROM sources s
        WHERE s.id = (l.entry ->> 'source_id')::uuid AND s.confidential
            AND l.resource IN ('attestation', 'claim')
    ) AND NOT entered_in_confidence(l.recorded_at) THEN l.actor END AS actor
FROM ledger l
WHERE l.public_seq > %(after)s
ORDER BY l.public_seq
LIMIT %(limit)s
