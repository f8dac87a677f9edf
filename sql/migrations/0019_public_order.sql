-- The ledger as the public follows it: a number of its own for each entry that changed what the
-- public sees, so that what is hidden leaves no gap, and moves no answer's moment.

ALTER TABLE ledger ADD COLUMN public_seq bigint;
-- SHA-256 of the record as the public saw it after the write; null if it did not see it at all, or
-- before there was this column.
ALTER TABLE ledger ADD COLUMN seen bytea;

UPDATE ledger SET public_seq = seq;

CREATE UNIQUE INDEX ledger_in_public_order ON ledger (public_seq) WHERE public_seq IS NOT NULL;

ALTER TABLE ledger_head ADD COLUMN public_seq bigint;
ALTER TABLE ledger_head ADD COLUMN public_recorded_at timestamptz;
UPDATE ledger_head SET public_seq = seq, public_recorded_at = recorded_at;
ALTER TABLE ledger_head ALTER COLUMN public_seq SET NOT NULL;
ALTER TABLE ledger_head ALTER COLUMN public_recorded_at SET NOT NULL;

-- The last entry that the public knows of.
CREATE VIEW public_head AS
SELECT h.public_seq AS seq, h.public_recorded_at AS recorded_at FROM ledger_head h;

DROP INDEX ledger_by_moment;
CREATE INDEX ledger_by_moment ON ledger (recorded_at, public_seq) WHERE public_seq IS NOT NULL;

CREATE OR REPLACE FUNCTION recorded_seq(moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(max(l.public_seq), 0) FROM (
        SELECT public_seq FROM ledger
        WHERE recorded_at <= $1 AND public_seq IS NOT NULL
        ORDER BY recorded_at DESC, public_seq DESC LIMIT 1
    ) l;
END;

-- A row as the record had it at a moment. That somebody read it is an entry without a row.
CREATE OR REPLACE FUNCTION recorded(id uuid, moment timestamptz) RETURNS TABLE (entry jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.entry FROM ledger l
    WHERE l.resource_id = $1 AND l.recorded_at <= $2 AND l.action <> 'read'
    ORDER BY l.seq DESC LIMIT 1;
END;
