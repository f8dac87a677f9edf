-- The ledger: one append-only entry for each write, with the row as it then stood.

-- One row: the number and the moment of the last entry. Every writer updates this row last and holds
-- it until the commit, so entries become visible in the order of their numbers. A reader that asks
-- for the entries after the last number it saw misses none, as it could with a sequence. For the same
-- reason all that was recorded at or before a committed `recorded_at` is visible, and can be cited.
CREATE TABLE ledger_head (
    seq bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    -- All entries of one transaction have the same moment.
    recorded_by xid8 NOT NULL,
    -- Number and moment of the last public entry.
    public_seq bigint NOT NULL,
    public_recorded_at timestamptz NOT NULL,
    -- Before this moment responses can change without a new entry: the `published_at` or `retracted_at` of
    -- an attestation or a claim may be some minutes ahead of the database's clock, and so may the
    -- `created_at` of a detention of an export, from which on it counts as a re-arrest at the latest. After
    -- it, a response stays the same until the next entry.
    volatile_until timestamptz NOT NULL DEFAULT '-infinity'
);

CREATE UNIQUE INDEX one_ledger_head ON ledger_head ((true));

INSERT INTO ledger_head (seq, recorded_at, recorded_by, public_seq, public_recorded_at)
SELECT 0, c.now, pg_current_xact_id(), 0, c.now FROM (SELECT clock_timestamp() AS now OFFSET 0) c;

CREATE TRIGGER ledger_only_grows BEFORE UPDATE ON ledger_head
    FOR EACH ROW WHEN (
        new.seq < old.seq OR new.public_seq < old.public_seq
        OR new.recorded_at < old.recorded_at OR new.public_recorded_at < old.public_recorded_at
    )
    EXECUTE FUNCTION refuse_change('The order');

-- Trigger function: the head moves to the clock's moment, so that no entry is dated otherwise. Within a
-- transaction it stays at the moment of the first entry. If the clock is behind the head, the head
-- moves by a microsecond. The clock may jump back between the start of the transaction and this check.
-- Without a new entry the head may move to any earlier moment of the clock (ledger/advance).
CREATE FUNCTION refuse_unless_of_the_clock() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF new.recorded_at > greatest(clock_timestamp(), old.recorded_at + interval '1 microsecond')
        OR old.recorded_by = pg_current_xact_id() AND new.recorded_at <> old.recorded_at
        OR new.seq > old.seq AND new.recorded_by <> pg_current_xact_id()
        OR new.recorded_by <> old.recorded_by AND (
            new.recorded_by <> pg_current_xact_id()
            OR new.recorded_at <= old.recorded_at
            OR new.recorded_at < least(
                transaction_timestamp(), clock_timestamp() - interval '1 second'
            )
        )
    THEN
        RAISE EXCEPTION 'The ledger is dated by the clock' USING ERRCODE = '42501';
    END IF;
    RETURN new;
END;
$$;

CREATE TRIGGER ledger_follows_the_clock BEFORE UPDATE ON ledger_head
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_of_the_clock();

GRANT SELECT, UPDATE ON ledger_head TO constancia_service;

-- The number and moment of the last public entry.
CREATE VIEW public_head AS
SELECT h.public_seq AS seq, h.public_recorded_at AS recorded_at FROM ledger_head h;

GRANT SELECT ON public_head TO constancia_service;

CREATE TABLE ledger (
    seq bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    resource text NOT NULL,
    resource_id uuid NOT NULL,
    action text NOT NULL,
    actor uuid CONSTRAINT ledger_actor_is_an_api_key REFERENCES api_keys,
    -- The whole row as it stood after the write; empty for the action `read`.
    entry jsonb NOT NULL,
    -- The entry's number in the public ledger: consecutive, so that hidden entries leave no gap. Null
    -- if the entry changes nothing that the public sees.
    public_seq bigint,
    -- SHA-256 of the record as the public sees it after the write; null if the public does not see it.
    public_sha256 bytea
);

CREATE INDEX ledger_of_resource ON ledger (resource_id, seq);
-- The entry of a record at a moment. Later entries are not read: to read 1,000 of them took 7 ms, and the
-- time disclosed how often the record of a hidden person had changed.
CREATE INDEX ledger_of_record ON ledger (resource_id, recorded_at, seq) WHERE action <> 'read';
-- The last entry that was recorded by a moment.
CREATE INDEX ledger_by_moment ON ledger (recorded_at, public_seq) WHERE public_seq IS NOT NULL;
CREATE UNIQUE INDEX ledger_in_public_order ON ledger (public_seq) WHERE public_seq IS NOT NULL;
-- The release events that ever had an announcement or were of another day, and the people who were ever
-- hidden.
CREATE INDEX ledger_of_announcement ON ledger ((entry ->> 'announcement_id'))
    WHERE resource = 'release_event';
CREATE INDEX ledger_of_release_day ON ledger ((entry ->> 'occurred_on'))
    WHERE resource = 'release_event';
CREATE INDEX ledger_of_hidden_people ON ledger (resource_id)
    WHERE resource = 'detainee'
        AND is_hidden(entry ->> 'age_group', (entry -> 'withheld')::boolean);
-- The sources of the attestations and claims that were entered at a moment.
CREATE INDEX ledger_of_publications ON ledger (recorded_at, (entry ->> 'source_id'))
    WHERE resource IN ('attestation', 'claim');
-- The records of a kind with a public entry since a moment.
CREATE INDEX ledger_of_kind ON ledger (resource, recorded_at, resource_id)
    WHERE public_seq IS NOT NULL;
CREATE INDEX ledger_of_moved_records ON ledger (resource, resource_id) WHERE action = 'moved';
-- What can change how people count without an attestation, by the moment of its entry.
CREATE INDEX ledger_of_people_and_links ON ledger (resource, recorded_at)
    WHERE resource IN ('detainee', 'detention', 'release_event', 'affiliation', 'merge', 'split')
        AND action <> 'read';
-- The moments at which records that decide how people count under filters were changed.
CREATE INDEX ledger_of_changed_values ON ledger (recorded_at)
    WHERE resource IN ('detainee', 'detention', 'release_event', 'merge', 'split')
        AND action NOT IN ('created', 'read');

-- Trigger function: the entries of a statement have the moment and the numbers that the head gives to
-- this transaction.
CREATE FUNCTION refuse_entries_of_other_moments() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM inserted i CROSS JOIN ledger_head h
        WHERE i.recorded_at <> h.recorded_at OR h.recorded_by <> pg_current_xact_id()
            OR i.seq > h.seq
    ) THEN
        RAISE EXCEPTION 'The past of ledger is final' USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER ledger_entry_is_recorded_now AFTER INSERT ON ledger
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_entries_of_other_moments();

GRANT SELECT, INSERT ON ledger TO constancia_service;

-- The first and the last day on which a detention can have begun, if the person has several: they decide
-- whether the person was detained again after a release. Null otherwise.
CREATE FUNCTION beginning_among_others(
    detention_id uuid, detainee_id uuid, began_on date, detained_on text
) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN EXISTS (
            SELECT FROM detentions o WHERE o.detainee_id = $2 AND o.id <> $1 AND o.voided_at IS NULL
        ) THEN jsonb_build_array($3, last_day($4))
    END;

-- The row of a record as it is now, for its ledger entry, and the record as the public sees it. PL/pgSQL,
-- so that only the statement of the resource is started: a UNION of all of them took 0.2 ms more of each
-- write.
CREATE FUNCTION written_record(resource text, id uuid, OUT entry jsonb, OUT visible jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    CASE $1
    WHEN 'source' THEN
        SELECT to_jsonb(s), (SELECT to_jsonb(v) FROM visible_sources(false) v WHERE v.id = s.id)
        INTO entry, visible
        FROM sources s WHERE s.id = $2;
    WHEN 'affiliation' THEN
        SELECT to_jsonb(a), to_jsonb(a) INTO entry, visible FROM affiliations a WHERE a.id = $2;
    WHEN 'facility' THEN
        SELECT to_jsonb(f), to_jsonb(f) INTO entry, visible FROM facilities f WHERE f.id = $2;
    WHEN 'detainee' THEN
        SELECT to_jsonb(d), (SELECT to_jsonb(v) FROM visible_detainees(false) v WHERE v.id = d.id)
        INTO entry, visible
        FROM detainees d WHERE d.id = $2;
    WHEN 'detention' THEN
        SELECT to_jsonb(t), (
            SELECT to_jsonb(v) || jsonb_build_object(
                'began', beginning_among_others(t.id, t.detainee_id, t.began_on, t.detained_on)
            )
            FROM visible_detentions(false) v WHERE v.id = t.id
        )
        INTO entry, visible
        FROM detentions t WHERE t.id = $2;
    WHEN 'release_event' THEN
        SELECT to_jsonb(e),
            (SELECT to_jsonb(v) FROM visible_release_events(false) v WHERE v.id = e.id)
        INTO entry, visible
        FROM release_events e WHERE e.id = $2;
    WHEN 'claim' THEN
        SELECT to_jsonb(c), (SELECT to_jsonb(v) FROM visible_claim(c, false, NULL) v)
        INTO entry, visible
        FROM claims c WHERE c.id = $2;
    WHEN 'attestation' THEN
        SELECT attestation_entry(a),
            (SELECT to_jsonb(v) FROM visible_attestations(false) v WHERE v.id = a.id)
        INTO entry, visible
        FROM attestations a WHERE a.id = $2;
    WHEN 'merge' THEN
        SELECT to_jsonb(m), (SELECT to_jsonb(v) FROM visible_merges(false) v WHERE v.id = m.id)
        INTO entry, visible
        FROM merges m WHERE m.id = $2;
    WHEN 'split' THEN
        SELECT to_jsonb(s), (SELECT to_jsonb(v) FROM visible_splits(false) v WHERE v.id = s.id)
        INTO entry, visible
        FROM splits s WHERE s.id = $2;
    WHEN 'distinction' THEN
        SELECT to_jsonb(x),
            (SELECT to_jsonb(v) FROM visible_distinctions(false) v WHERE v.id = x.id)
        INTO entry, visible
        FROM distinctions x WHERE x.id = $2;
    WHEN 'proposal' THEN
        SELECT to_jsonb(p), NULL INTO entry, visible FROM proposals p WHERE p.id = $2;
    END CASE;
END;
$$;

-- What the public sees today of the record of a hidden person, if it has this row; null for any other
-- record. The hash of its last entry does not tell: since then the person may have been withheld, or a
-- group disclosed, without an entry of the record. A later change of hidden values would be public, and
-- one that the public sees would not.
CREATE FUNCTION shown_of_hidden(resource text, entry jsonb) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE $1
        WHEN 'detainee' THEN (
            SELECT to_jsonb(disclosed_age_group(p.age_group, p.withheld, 'infinity'))
            FROM jsonb_to_record($2) AS p (age_group text, withheld boolean)
            WHERE is_hidden(p.age_group, p.withheld)
        )
        WHEN 'detention' THEN (
            SELECT jsonb_build_array(
                disclosed_facility(d.age_group, d.withheld, t.facility_id, 'infinity'),
                t.whereabouts,
                beginning_among_others(t.id, t.detainee_id, t.began_on, t.detained_on)
            )
            FROM jsonb_to_record($2) AS t (
                id uuid, detainee_id uuid, facility_id uuid, whereabouts text, detained_on text,
                began_on date
            )
            JOIN detainees d ON d.id = t.detainee_id
            WHERE is_hidden(d.age_group, d.withheld)
        )
        WHEN 'release_event' THEN (
            SELECT jsonb_build_array(e.detention_id, e.occurred_on, e.announcement_id)
            FROM jsonb_to_record($2) AS e (
                detainee_id uuid, detention_id uuid, occurred_on date, announcement_id uuid
            )
            JOIN detainees d ON d.id = e.detainee_id
            WHERE is_hidden(d.age_group, d.withheld)
        )
    END;

-- The row of a record as it stood at a moment of record time; none if it was not recorded yet.
CREATE FUNCTION recorded(id uuid, moment timestamptz) RETURNS TABLE (entry jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.entry FROM ledger l
    WHERE l.resource_id = $1 AND l.recorded_at <= $2 AND l.action <> 'read'
    ORDER BY l.recorded_at DESC, l.seq DESC LIMIT 1;
END;

-- A claim as it stood at a moment of record time, as a caller sees it; none if it was void.
CREATE FUNCTION visible_claim_recorded(claim_id uuid, moment timestamptz, sees_hidden boolean)
    RETURNS TABLE (
        id uuid, source_id uuid, is_confidential boolean, kind text, value integer, qualifier text,
        as_of timestamptz, published_at timestamptz, window_start date, facility_id uuid,
        age_group text, nationality text, announcement_id uuid, relays jsonb, origins jsonb,
        url text, note text, retracted_at timestamptz, retraction_note text,
        voided_at timestamptz, void_reason text, created_at timestamptz, updated_at timestamptz
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.id, c.source_id, c.is_confidential, c.kind, c.value, c.qualifier, c.as_of,
        c.published_at, c.window_start, c.facility_id, c.age_group, c.nationality,
        c.announcement_id, c.relays, c.origins, c.url, c.note, c.retracted_at, c.retraction_note,
        c.voided_at, c.void_reason, c.created_at, c.updated_at
    FROM recorded($1, $2) x
    CROSS JOIN LATERAL jsonb_populate_record(NULL::claims, x.entry) r
    CROSS JOIN LATERAL visible_claim(r, $3, $2) c
    WHERE r.voided_at IS NULL;
END;

-- Whether a source that is confidential now has an attestation or a claim that was written at a
-- moment. All entries of a transaction have one moment and one actor. A loose index scan: an import
-- has many entries of few sources.
CREATE FUNCTION writes_confidential_source(moment timestamptz) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE entered (source_id) AS (
        (
            SELECT l.entry ->> 'source_id'
            FROM ledger l
            WHERE l.recorded_at = $1 AND l.resource IN ('attestation', 'claim')
            ORDER BY l.entry ->> 'source_id' LIMIT 1
        )
        UNION ALL
        SELECT n.source_id
        FROM entered e
        CROSS JOIN LATERAL (
            SELECT l.entry ->> 'source_id' AS source_id
            FROM ledger l
            WHERE l.recorded_at = $1 AND l.resource IN ('attestation', 'claim')
                AND l.entry ->> 'source_id' > e.source_id
            ORDER BY l.entry ->> 'source_id' LIMIT 1
        ) n
    )
    SELECT EXISTS (
        SELECT FROM entered e JOIN sources s ON s.id = e.source_id::uuid WHERE s.confidential
    );
END;

-- The number of the last public entry at a moment of record time.
CREATE FUNCTION recorded_seq(moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(max(l.public_seq), 0) FROM (
        SELECT public_seq FROM ledger
        WHERE recorded_at <= $1 AND public_seq IS NOT NULL
        ORDER BY recorded_at DESC, public_seq DESC LIMIT 1
    ) l;
END;
