-- Lists public ledger entries after a public number, without the rows of their records.
-- The key that entered a record of a source that is confidential now is redacted, also in the entries
-- of the same transaction: they share the moment, so their actor would reveal the key. Each moment is
-- looked at once: an import has many entries.
WITH page AS MATERIALIZED (
    SELECT l.public_seq, l.recorded_at, l.resource, l.resource_id, l.action, l.actor
    FROM ledger l
    WHERE l.public_seq > %(after)s
    ORDER BY l.public_seq
    LIMIT %(limit)s
), confidential AS MATERIALIZED (
    SELECT m.recorded_at
    FROM (SELECT DISTINCT p.recorded_at FROM page p WHERE p.actor IS NOT NULL) m
    WHERE writes_confidential_source(m.recorded_at)
)
SELECT p.public_seq AS id, p.public_seq AS seq, p.recorded_at, p.resource, p.resource_id, p.action,
    CASE
        WHEN NOT EXISTS (SELECT FROM confidential c WHERE c.recorded_at = p.recorded_at) THEN p.actor
    END AS actor
FROM page p
ORDER BY p.public_seq
