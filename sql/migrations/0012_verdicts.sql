-- Verdicts: the result of the verification rule for each release event.
--
-- verdicts, verdict_exclusions and person_statuses are bitemporal. A row applies from
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
    -- proof, denial_proof, rests_on: source and attestation ids, no names.
    reasoning jsonb NOT NULL,
    PRIMARY KEY (release_event_id, published_from, recorded_from),
    CONSTRAINT verdict_is_superseded_after_it_was_recorded CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_verdict ON verdicts (release_event_id, published_from)
    WHERE recorded_until = 'infinity';

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

-- Why an attestation adds nothing to a verdict. `reason` is null from the moment at which it counts.
-- There is a row for each change: a list in each verdict would take space that grows with the square
-- of an event's attestations.
CREATE TABLE verdict_exclusions (
    release_event_id uuid NOT NULL
        CONSTRAINT exclusion_is_of_a_release_event REFERENCES release_events,
    attestation_id uuid NOT NULL
        CONSTRAINT exclusion_is_of_an_attestation REFERENCES attestations,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    reason text,
    PRIMARY KEY (release_event_id, attestation_id, published_from, recorded_from),
    CONSTRAINT exclusion_is_superseded_after_it_was_recorded CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_exclusion
    ON verdict_exclusions (release_event_id, attestation_id, published_from)
    WHERE recorded_until = 'infinity';

CREATE TRIGGER exclusion_is_superseded_now BEFORE UPDATE OF recorded_until ON verdict_exclusions
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_superseded_now();
CREATE TRIGGER exclusion_is_recorded_now AFTER INSERT ON verdict_exclusions
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_recorded_now();

GRANT SELECT, INSERT, UPDATE (recorded_until), MAINTAIN ON verdict_exclusions
TO constancia_service;

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

-- The people as a caller sees them, with their latest detention and their custody.
CREATE FUNCTION detainees_with_custody(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, is_named boolean, withheld boolean, aliases text[], sex text,
    birth_date date, age_group text, nationalities text[], occupation text, external_ids jsonb,
    detention json, custody text, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id, d.name, d.is_named, d.withheld, d.aliases, d.sex, d.birth_date, d.age_group,
        d.nationalities, d.occupation, d.external_ids,
        CASE WHEN l.id IS NOT NULL THEN row_to_json(l) END,
        CASE
            WHEN l.id IS NULL THEN NULL
            WHEN 'confirmed' IN (
                SELECT (
                    SELECT v.status FROM verdicts v
                    WHERE v.release_event_id = e.id AND v.recorded_until = 'infinity'
                        AND v.published_from <= now()
                    ORDER BY v.published_from DESC LIMIT 1
                )
                FROM release_events e
                -- Not `=`, for which the planner takes the GiST index (0009_release_events.sql).
                WHERE e.detainee_id = d.id AND e.detention_id IS NOT DISTINCT FROM l.id
            ) THEN 'released'
            WHEN l.whereabouts = 'unknown' THEN 'whereabouts_unknown'
            ELSE 'detained'
        END,
        d.created_at, d.updated_at
    FROM visible_detainees($1) d
    LEFT JOIN LATERAL (
        SELECT t.id, t.facility_id, t.detained_on, t.authority, t.charges, t.whereabouts
        FROM latest_detention(d.id) latest
        JOIN visible_detentions($1) t ON t.id = latest.id
    ) l ON true;
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
