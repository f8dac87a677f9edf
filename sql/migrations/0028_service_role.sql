-- Whom requests are served as: a role that may do what sql/queries does and nothing else. It creates
-- nothing, deletes nothing that was recorded, and of what sources said and what the rule decided it
-- changes the columns alone by which that is taken back, ended or moved. Migrations, and the
-- operator's commands, run as the owner. Every later migration grants what it adds.

DO $$
BEGIN
    -- Roles are the whole server's: another database, or whoever runs the server, may have made it.
    IF to_regrole('constancia_service') IS NULL THEN
        CREATE ROLE constancia_service;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database's migration was quicker
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'as who runs the server, first CREATE ROLE constancia_service';
END;
$$;

DO $$
BEGIN
    -- Where the service has no login of its own, it goes over to the role from the owner's.
    IF NOT pg_has_role(current_user, 'constancia_service', 'SET') THEN
        EXECUTE format('GRANT constancia_service TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- not ours to give: `constancia serve` says what is missing
END;
$$;

DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
END;
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
BEGIN
    -- Large objects, which anybody may make.
    REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)
    FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- whoever runs the server alone can
END;
$$;

GRANT SELECT ON
    migrations, sources, affiliations, facilities, detainees, detentions, release_events,
    attestations, relays, claims, verdicts, not_counted, standings, tallies, feed_entries, leads,
    cohorts, ledger, ledger_head, public_head, verification_summaries, detainee_spellings,
    word_deletions, merges, moves, distinctions, imports, import_rows, import_spellings, keys,
    idempotency_keys
TO constancia_service;

GRANT INSERT ON
    sources, affiliations, facilities, detainees, detentions, release_events, attestations, relays,
    claims, verdicts, not_counted, standings, tallies, feed_entries, cohorts, ledger,
    detainee_spellings, word_deletions, merges, moves, distinctions, imports, import_rows,
    import_spellings, idempotency_keys
TO constancia_service;

-- What is corrected; the ledger keeps what it was.
GRANT UPDATE ON sources, affiliations, facilities, detainees, detentions, release_events
TO constancia_service;

-- What a source said is retracted or voided, and follows its event when two people become one.
GRANT UPDATE (
    retracted_at, retraction_note, voided_at, void_reason, release_event_id, updated_at
) ON attestations TO constancia_service;
GRANT UPDATE (release_event_id) ON relays TO constancia_service;
GRANT UPDATE (retracted_at, retraction_note, updated_at) ON claims TO constancia_service;

-- What was decided is ended.
GRANT UPDATE (recorded_until) ON verdicts, not_counted, standings TO constancia_service;
GRANT UPDATE (undone_at, updated_at) ON merges TO constancia_service;
GRANT UPDATE (withdrawn_at, updated_at) ON distinctions TO constancia_service;
GRANT UPDATE (told_from) ON cohorts TO constancia_service;

-- What follows from the rest.
GRANT UPDATE ON ledger_head, tallies, feed_entries, leads TO constancia_service;
GRANT DELETE ON detainee_spellings TO constancia_service;

-- Previews, and what may be sent again, are no part of the record. What is locked to be forgotten
-- has to have a column that may be changed.
GRANT UPDATE ON imports, import_rows TO constancia_service;
GRANT UPDATE (created_at) ON idempotency_keys TO constancia_service;
GRANT DELETE ON imports, import_spellings, idempotency_keys TO constancia_service;

-- ANALYZE, once a list was entered (api/batches.py).
GRANT MAINTAIN ON
    attestations, relays, affiliations, release_events, detentions, detainees, verdicts,
    not_counted, standings
TO constancia_service;

-- What those columns allow is allowed once, whoever asks.

CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % is final', TG_ARGV[0], TG_TABLE_NAME USING ERRCODE = '42501';
END;
$$;

-- An answer is ended at the moment that is being recorded, so that none is changed that was given.
CREATE FUNCTION refuse_unless_ended_now() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF old.recorded_until <> 'infinity'
        OR new.recorded_until <> (SELECT h.recorded_at FROM ledger_head h)
    THEN
        RAISE EXCEPTION 'What % says of the past is final', TG_TABLE_NAME USING ERRCODE = '42501';
    END IF;
    RETURN new;
END;
$$;

CREATE TRIGGER retraction_is_final BEFORE UPDATE OF retracted_at, retraction_note ON attestations
    FOR EACH ROW WHEN (
        old.retracted_at IS NOT NULL
        AND (old.retracted_at, old.retraction_note)
            IS DISTINCT FROM (new.retracted_at, new.retraction_note)
    )
    EXECUTE FUNCTION refuse_change('The retraction');

CREATE TRIGGER voiding_is_final BEFORE UPDATE OF voided_at, void_reason ON attestations
    FOR EACH ROW WHEN (
        old.voided_at IS NOT NULL
        AND (old.voided_at, old.void_reason) IS DISTINCT FROM (new.voided_at, new.void_reason)
    )
    EXECUTE FUNCTION refuse_change('The voiding');

CREATE TRIGGER retraction_is_final BEFORE UPDATE OF retracted_at, retraction_note ON claims
    FOR EACH ROW WHEN (
        old.retracted_at IS NOT NULL
        AND (old.retracted_at, old.retraction_note)
            IS DISTINCT FROM (new.retracted_at, new.retraction_note)
    )
    EXECUTE FUNCTION refuse_change('The retraction');

CREATE TRIGGER verdict_is_ended_now BEFORE UPDATE OF recorded_until ON verdicts
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_ended_now();
CREATE TRIGGER reason_is_ended_now BEFORE UPDATE OF recorded_until ON not_counted
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_ended_now();
CREATE TRIGGER standing_is_ended_now BEFORE UPDATE OF recorded_until ON standings
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_ended_now();

CREATE TRIGGER ledger_only_grows BEFORE UPDATE ON ledger_head
    FOR EACH ROW WHEN (
        new.seq < old.seq OR new.public_seq < old.public_seq
        OR new.recorded_at < old.recorded_at OR new.public_recorded_at < old.public_recorded_at
    )
    EXECUTE FUNCTION refuse_change('The order');
