-- In what order claims and attestations were recorded: what one of them relays comes before it,
-- which its id does not say.
ALTER TABLE claims ADD COLUMN recorded_order bigint;

UPDATE claims c SET recorded_order = o.place
FROM (
    SELECT l.resource_id, row_number() OVER (ORDER BY l.seq) AS place
    FROM ledger l WHERE l.resource = 'claim' AND l.action = 'created'
) o
WHERE o.resource_id = c.id;

ALTER TABLE claims
    ALTER COLUMN recorded_order SET NOT NULL,
    ALTER COLUMN recorded_order ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('claims', 'recorded_order'), max(c.recorded_order))
FROM claims c;

CREATE UNIQUE INDEX claims_as_recorded ON claims (recorded_order);
CREATE UNIQUE INDEX attestations_as_recorded ON attestations (recorded_order);
