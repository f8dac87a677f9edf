-- Verdicts: the result of the verification rule for each release event.
--
-- verdicts, verdict_parts and person_statuses are bitemporal. A row applies from
-- `published_from` of publication time until the next row of the same subject, and from
-- `recorded_from` until `recorded_until` of record time. Only `recorded_until` of a row ever changes.

-- Trigger function: a row may be superseded once, at the moment that is being recorded, so that no past
-- answer changes.
CREATE FUNCTION refuse_unless_superseded_now() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF old.recorded_until <> 'infinity'
        OR new.recorded_until <> (SELECT h.recorded_at FROM ledger_head h)
    THEN
        RAISE EXCEPTION 'The past of % is final', TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN new;
END;
$$;

-- Trigger function: rows begin at the moment that this transaction records.
CREATE FUNCTION refuse_unless_recorded_now() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM inserted i CROSS JOIN ledger_head h
        WHERE i.recorded_from <> h.recorded_at OR h.recorded_by <> pg_current_xact_id()
            OR i.recorded_until <> 'infinity'
    ) THEN
        RAISE EXCEPTION 'The past of % is final', TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TABLE verdicts (
    release_event_id uuid NOT NULL
        CONSTRAINT verdict_is_of_a_release_event REFERENCES release_events,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    independent_sources integer NOT NULL,
    independent_denials integer NOT NULL,
    -- The status if two independent sources are required, and the moment since which it holds.
    status text NOT NULL,
    since timestamptz NOT NULL,
    -- Independent sources for each kind of release that is asserted.
    kinds jsonb NOT NULL,
    -- The groups that every confirming chain has, by the ids of their sources.
    rests_on jsonb NOT NULL,
    -- Whether it confirms less than the verdict that was recorded before for its `published_from`.
    ends_confirmed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (release_event_id, published_from, recorded_from),
    CONSTRAINT verdict_is_superseded_after_it_was_recorded CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_verdict ON verdicts (release_event_id, published_from)
    WHERE recorded_until = 'infinity';
-- Those that begin, were recorded or were superseded in a period of either clock.
CREATE INDEX verdicts_by_moment ON verdicts (published_from, recorded_until);
-- Those that begin without a write, at the moment of an attestation that was recorded before it.
CREATE INDEX verdicts_ahead ON verdicts (published_from) WHERE published_from > recorded_from;
CREATE INDEX verdicts_by_record ON verdicts (recorded_from);
CREATE INDEX verdicts_superseded ON verdicts (recorded_until)
    WHERE recorded_until < 'infinity';
CREATE INDEX verdicts_that_end_confirmed ON verdicts (recorded_from) WHERE ends_confirmed;

CREATE TRIGGER verdict_is_superseded_now BEFORE UPDATE OF recorded_until ON verdicts
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_superseded_now();
CREATE TRIGGER verdict_is_recorded_now AFTER INSERT ON verdicts
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_recorded_now();

GRANT SELECT, INSERT, UPDATE (recorded_until), MAINTAIN ON verdicts TO constancia_service;

-- The moment of publication time from which a release event counts at the earliest: that of its first
-- verdict, at any record time. An event keeps its day once it has a verdict. By the index, a count
-- since a day at an earlier moment reads 22 of 3,000 events instead of 1,489.
CREATE TABLE first_verdicts (
    release_event_id uuid PRIMARY KEY
        CONSTRAINT first_verdict_is_of_a_release_event REFERENCES release_events,
    occurred_on date NOT NULL,
    published_from timestamptz NOT NULL
);

CREATE INDEX first_verdicts_by_day
    ON first_verdicts (occurred_on, published_from, release_event_id);

GRANT SELECT, INSERT, UPDATE (published_from), MAINTAIN ON first_verdicts TO constancia_service;

-- The part of an attestation in the verdicts: the chain by which it counts, or why it adds nothing. There
-- is a row for each change. The chains at a pair of moments are the proofs. With the whole proof in each
-- verdict, an early attestation on an event with 1,490 others of as many sources took 21 s of CPU time
-- instead of 0.5.
CREATE TABLE verdict_parts (
    release_event_id uuid NOT NULL
        CONSTRAINT part_is_of_a_release_event REFERENCES release_events,
    attestation_id uuid NOT NULL
        CONSTRAINT part_is_of_an_attestation REFERENCES attestations,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    reason text,
    -- The groups of the chain, each as the ids of its sources, the head first.
    chain jsonb,
    PRIMARY KEY (release_event_id, attestation_id, published_from, recorded_from),
    CONSTRAINT part_is_superseded_after_it_was_recorded CHECK (recorded_from < recorded_until),
    CONSTRAINT part_is_a_chain_or_a_reason CHECK (num_nonnulls(reason, chain) = 1)
);

CREATE UNIQUE INDEX one_current_part
    ON verdict_parts (release_event_id, attestation_id, published_from)
    WHERE recorded_until = 'infinity';

CREATE TRIGGER part_is_superseded_now BEFORE UPDATE OF recorded_until ON verdict_parts
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_superseded_now();
CREATE TRIGGER part_is_recorded_now AFTER INSERT ON verdict_parts
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_recorded_now();

GRANT SELECT, INSERT, UPDATE (recorded_until), MAINTAIN ON verdict_parts TO constancia_service;

-- The status by the rule: api/verification/rule.py, status(), in SQL.
CREATE FUNCTION verification_status(
    independent_sources integer, independent_denials integer, required integer
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN independent_sources - independent_denials >= required THEN 'confirmed'
        WHEN independent_denials - independent_sources >= required THEN 'refuted'
        WHEN independent_denials >= 1 THEN 'disputed'
        WHEN independent_sources >= 1 THEN 'reported'
        ELSE 'unverified'
    END;

-- The strength of a status; a person counts by the strongest one, 1.
CREATE FUNCTION status_rank(status text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN array_position(
        ARRAY['confirmed', 'disputed', 'reported', 'refuted', 'unverified'], status
    );

-- The release kind whose own attestations give the status of the event; null if none or several do.
CREATE FUNCTION verified_kind(
    kinds jsonb, independent_denials integer, required integer, status text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 1 THEN min(k.kind) END
    FROM (
        SELECT e.key AS kind, rank() OVER (ORDER BY e.value::integer DESC) AS rank
        FROM jsonb_each_text(kinds) e
        WHERE e.key <> 'unknown'
            AND verification_status(e.value::integer, independent_denials, required) = status
    ) k
    WHERE k.rank = 1;
END;

-- The summaries of an event's verdicts up to now, with two sources required. The summary of an event is
-- the one with the latest `published_from`; without verdicts it is nothing_attested().
CREATE VIEW verification_summaries AS
SELECT v.release_event_id, v.published_from, row_to_json(s) AS verification
FROM verdicts v
CROSS JOIN LATERAL (
    SELECT v.status, v.independent_sources, v.independent_denials, rfc3339(v.since) AS since
) s
WHERE v.recorded_until = 'infinity' AND v.published_from <= now();

GRANT SELECT ON verification_summaries TO constancia_service;

CREATE FUNCTION nothing_attested() RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{"status":"unverified","independent_sources":0,"independent_denials":0,"since":null}'::json;

-- The statuses of an event if 1 to 5 independent sources are required, as letters:
-- C confirmed, D disputed, R reported, F refuted, U unverified.
CREATE FUNCTION status_codes(independent_sources integer, independent_denials integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN rpad(
        repeat(CASE WHEN $1 > $2 THEN 'C' ELSE 'F' END, least(abs($1 - $2), 5)), 5,
        CASE WHEN $2 >= 1 THEN 'D' WHEN $1 >= 1 THEN 'R' ELSE 'U' END
    );

-- All codes that give a status if a number of independent sources is required.
CREATE FUNCTION codes_of_status(status text, required integer) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT DISTINCT status_codes(s.n, d.n)
        FROM generate_series(0, 6) AS s (n) CROSS JOIN generate_series(0, 6) AS d (n)
        WHERE verification_status(s.n, d.n, $2) = $1
    );

-- The status codes of each release event, by which lists find events with a status: those of now and
-- of all moments ahead (`is_current`), and those of the past and of superseded verdicts. A reader
-- then looks at the verdict, since time can have passed a moment that was ahead.
CREATE TABLE release_event_statuses (
    status_codes text NOT NULL,
    release_event_id uuid NOT NULL
        CONSTRAINT status_is_of_a_release_event REFERENCES release_events,
    is_current boolean NOT NULL,
    PRIMARY KEY (status_codes, release_event_id)
);

CREATE INDEX current_release_event_statuses
    ON release_event_statuses (status_codes, release_event_id) WHERE is_current;
CREATE INDEX statuses_of_release_event ON release_event_statuses (release_event_id);

GRANT SELECT, INSERT, UPDATE (is_current), MAINTAIN ON release_event_statuses
TO constancia_service;

-- The status codes that a release event has now, or will have.
CREATE FUNCTION current_status_codes(release_event_id uuid) RETURNS SETOF text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT status_codes(v.independent_sources, v.independent_denials)
    FROM verdicts v
    WHERE v.release_event_id = $1 AND v.recorded_until = 'infinity' AND v.published_from > now()
    UNION
    SELECT coalesce((
        SELECT status_codes(v.independent_sources, v.independent_denials)
        FROM verdicts v
        WHERE v.release_event_id = $1 AND v.recorded_until = 'infinity'
            AND v.published_from <= now()
        ORDER BY v.published_from DESC
        LIMIT 1
    ), status_codes(0, 0));
END;

-- Trigger function: the codes of release events whose verdicts changed. A trigger, since the verdicts
-- are superseded and inserted in one statement, which does not see its own changes. The values of people
-- (0020_detainee_values.sql) follow only if a release becomes confirmed or ceases to be. One event after
-- the other, with its codes in variables: one statement for all of them took 0.1 ms more of a write, and
-- twice as long for a block of 1,000 events.
CREATE FUNCTION update_release_event_statuses() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    event_id uuid;
    changed_codes text[];
    former_codes text[];
    current_codes text[];
    was_confirmed boolean[];
    is_confirmed boolean[];
    people uuid[] := '{}';
BEGIN
    -- Without a changed row the trigger runs, too.
    FOR event_id, changed_codes IN
        SELECT c.release_event_id,
            array_agg(status_codes(c.independent_sources, c.independent_denials))
        FROM changed c
        GROUP BY c.release_event_id
    LOOP
        SELECT array_agg(s.status_codes), array_agg(DISTINCT s.status_codes LIKE '_C%')
        INTO former_codes, was_confirmed
        FROM release_event_statuses s
        WHERE s.release_event_id = event_id AND s.is_current;
        SELECT array_agg(c.status_codes), array_agg(DISTINCT c.status_codes LIKE '_C%')
        INTO current_codes, is_confirmed
        FROM current_status_codes(event_id) AS c (status_codes);
        INSERT INTO release_event_statuses AS s (status_codes, release_event_id, is_current)
        SELECT k.status_codes, event_id, k.status_codes = ANY (current_codes)
        FROM (
            SELECT DISTINCT unnest(former_codes || current_codes || changed_codes) AS status_codes
        ) k
        ON CONFLICT (status_codes, release_event_id) DO UPDATE SET is_current = excluded.is_current
        WHERE s.is_current <> excluded.is_current;
        IF was_confirmed IS DISTINCT FROM is_confirmed THEN
            people := people || (SELECT e.detainee_id FROM release_events e WHERE e.id = event_id);
        END IF;
    END LOOP;
    IF people <> '{}' THEN
        PERFORM store_detainee_values(people);
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER verdict_gives_statuses AFTER INSERT ON verdicts
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION update_release_event_statuses();
CREATE TRIGGER superseded_verdict_gives_statuses AFTER UPDATE ON verdicts
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION update_release_event_statuses();

-- Trigger function: a new release event is unverified.
CREATE FUNCTION insert_release_event_status() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    INSERT INTO release_event_statuses (status_codes, release_event_id, is_current)
    VALUES (status_codes(0, 0), new.id, true);
    RETURN NULL;
END;
$$;

CREATE TRIGGER release_event_begins_unverified AFTER INSERT ON release_events
    FOR EACH ROW EXECUTE FUNCTION insert_release_event_status();

-- The verdict on a release event at a moment of publication time, as recorded now. It has a row also
-- for an event without attestations.
CREATE FUNCTION verdict_at(release_event_id uuid, as_of timestamptz, required integer)
    RETURNS TABLE (
        status text, independent_sources integer, independent_denials integer, since timestamptz
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.status, n.independent_sources, n.independent_denials,
        CASE
            WHEN $3 = 2 OR v.since IS NULL THEN v.since
            -- The moment after which no verdict up to this one has another status.
            ELSE (
                SELECT min(o.published_from) FROM verdicts o
                WHERE o.release_event_id = $1 AND o.recorded_until = 'infinity'
                    AND o.published_from <= $2 AND o.published_from > coalesce((
                        SELECT max(u.published_from) FROM verdicts u
                        WHERE u.release_event_id = $1 AND u.recorded_until = 'infinity'
                            AND u.published_from <= $2
                            AND verification_status(
                                u.independent_sources, u.independent_denials, $3
                            ) <> s.status
                    ), '-infinity')
            )
        END
    FROM (SELECT) always
    LEFT JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.since
        FROM verdicts c
        WHERE c.release_event_id = $1 AND c.recorded_until = 'infinity' AND c.published_from <= $2
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(v.independent_sources, 0) AS independent_sources,
            coalesce(v.independent_denials, 0) AS independent_denials
    ) n
    CROSS JOIN LATERAL (
        SELECT verification_status(n.independent_sources, n.independent_denials, $3) AS status
    ) s;
END;

-- The same as recorded at a moment.
CREATE FUNCTION recorded_verdict_at(
    release_event_id uuid, as_of timestamptz, moment timestamptz, required integer
) RETURNS TABLE (
    status text, independent_sources integer, independent_denials integer, since timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH verdicts AS MATERIALIZED (
        SELECT v.published_from, v.independent_sources, v.independent_denials,
            verification_status(v.independent_sources, v.independent_denials, $4) AS status
        FROM verdicts v
        WHERE v.release_event_id = $1 AND v.published_from <= $2
            AND v.recorded_from <= $3 AND $3 < v.recorded_until
    ), latest AS (
        SELECT v.status, v.independent_sources, v.independent_denials
        FROM verdicts v ORDER BY v.published_from DESC LIMIT 1
    )
    SELECT coalesce(l.status, 'unverified'), coalesce(l.independent_sources, 0),
        coalesce(l.independent_denials, 0), (
            SELECT min(v.published_from) FROM verdicts v
            WHERE v.published_from > coalesce(
                (SELECT max(o.published_from) FROM verdicts o WHERE o.status <> l.status),
                '-infinity'
            )
        )
    FROM (SELECT) always LEFT JOIN latest l ON true;
END;

-- A verdict as the summary that a release event shows.
CREATE FUNCTION verification_summary(
    status text, independent_sources integer, independent_denials integer, since timestamptz
) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT row_to_json(s)
        FROM (
            SELECT $1 AS status, $2 AS independent_sources, $3 AS independent_denials,
                rfc3339($4) AS since
        ) s
    );

-- The attestations as a caller sees them, with their relays and the summary of their event's verdict.
CREATE FUNCTION attestations_with_verification(sees_hidden boolean) RETURNS TABLE (
    id uuid, release_event_id uuid, source_id uuid, is_confidential boolean, stance text,
    basis text, relays json, release_kind text, denial_reason text, evidence text,
    published_at timestamptz, url text, archived_url text, content_sha256 text, language text,
    note text, retracted_at timestamptz, retraction_note text, voided_at timestamptz,
    void_reason text, verification json, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.id, a.release_event_id, a.source_id, a.is_confidential, a.stance, a.basis,
        (
            SELECT coalesce(json_agg(json_build_object(
                'attestation_id', s.attestation_id, 'source_id', s.source_id
            ) ORDER BY s.attestation_id, s.source_id), '[]')
            FROM (
                -- Without duplicates, which would reveal how many sources of one organisation are relayed.
                SELECT DISTINCT r.relayed_attestation_id AS attestation_id,
                    visible_source_id(r.relayed_source_id, $1, NULL) AS source_id
                FROM attestation_relays r
                WHERE r.attestation_id = a.id
            ) s
        ),
        a.release_kind, a.denial_reason, a.evidence, a.published_at, a.url, a.archived_url,
        a.content_sha256, a.language, a.note, a.retracted_at, a.retraction_note, a.voided_at,
        a.void_reason,
        coalesce((
            SELECT s.verification FROM verification_summaries s
            WHERE s.release_event_id = a.release_event_id ORDER BY s.published_from DESC LIMIT 1
        ), nothing_attested()),
        a.created_at, a.updated_at
    FROM visible_attestations($1) a;
END;

-- The release events that were ever confirmed, disputed or refuted, with the moment of record time at
-- which their verdict last changed. A withdrawn status stays in the feed, so that readers learn of it.
CREATE TABLE feed_entries (
    release_event_id uuid PRIMARY KEY
        CONSTRAINT feed_entry_is_of_a_release_event REFERENCES release_events,
    recorded_at timestamptz NOT NULL
);

CREATE INDEX feed_entries_by_record ON feed_entries (recorded_at, release_event_id);

GRANT SELECT, INSERT, UPDATE ON feed_entries TO constancia_service;
