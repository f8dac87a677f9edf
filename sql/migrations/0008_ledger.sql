-- The last entry's place and moment. Whoever writes takes this row last and holds it until the
-- commit, so entries become visible in the order of their numbers: a follower that asks for what
-- is above the last number it saw misses nothing (a plain sequence would let it). And what was
-- recorded at or before a committed `recorded_at` is all there, which makes it citable.
CREATE TABLE ledger_head (
    seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- All entries of one transaction are recorded at one moment.
    recorded_by xid8 NOT NULL
);

CREATE UNIQUE INDEX one_ledger_head ON ledger_head ((true));
INSERT INTO ledger_head VALUES (0, clock_timestamp(), pg_current_xact_id());

CREATE TABLE ledger (
    seq bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    resource text NOT NULL,
    resource_id uuid NOT NULL,
    action text NOT NULL,
    actor uuid CONSTRAINT ledger_names_the_key_that_wrote REFERENCES keys,
    -- The whole row as it stood after the write: any moment of the record can be rebuilt from it.
    entry jsonb NOT NULL
);

CREATE INDEX ledger_of_resource ON ledger (resource_id, seq);

-- Rows as the record had them at a moment; none for what was not recorded yet.
CREATE FUNCTION recorded_release_event(id uuid, moment timestamptz) RETURNS SETOF release_events
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT l.entry FROM ledger l
        WHERE l.resource_id = $1 AND l.recorded_at <= $2 ORDER BY l.seq DESC LIMIT 1
    ) l, jsonb_populate_record(NULL::release_events, l.entry) r;
END;

CREATE FUNCTION recorded_detention(id uuid, moment timestamptz) RETURNS SETOF detentions
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT l.entry FROM ledger l
        WHERE l.resource_id = $1 AND l.recorded_at <= $2 ORDER BY l.seq DESC LIMIT 1
    ) l, jsonb_populate_record(NULL::detentions, l.entry) r;
END;

CREATE FUNCTION recorded_detainee(id uuid, moment timestamptz) RETURNS SETOF detainees
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT l.entry FROM ledger l
        WHERE l.resource_id = $1 AND l.recorded_at <= $2 ORDER BY l.seq DESC LIMIT 1
    ) l, jsonb_populate_record(NULL::detainees, l.entry) r;
END;
