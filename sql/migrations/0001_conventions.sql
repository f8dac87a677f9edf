-- Conventions of all tables, and the role that serves requests.
-- Ids are random, UUID version 4 (RFC 9562): ids in the order of entry would reveal a hidden person's
-- place in an alphabetical list. Times come from the database's clock.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Formats a timestamp as RFC 3339 in UTC with Z and no trailing zeros in the fraction, whatever the
-- session's time zone. Not IMMUTABLE: timestamptz::text is not, and the function would not be inlined.
CREATE FUNCTION rfc3339(moment timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN replace((moment AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z';

-- Whether this session shows everybody as it shows a withheld person. A mirror without names sets it
-- for its own session; nothing else does.
CREATE FUNCTION names_are_off() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('constancia.names', true) IS NOT DISTINCT FROM 'off';

-- One of 32 letters and digits, for byte n of a hash.
CREATE FUNCTION code_letter(hash bytea, n integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', get_byte($1, $2) % 32 + 1, 1);

-- Six letters and digits that stand for the name of a record. Without a subquery, PostgreSQL inlines
-- the function: a list of 50 release events, one or two of them of hidden people, takes 470 µs
-- instead of 515.
CREATE FUNCTION code_of(id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN code_letter(sha256(uuid_send($1)), 0) || code_letter(sha256(uuid_send($1)), 1)
        || code_letter(sha256(uuid_send($1)), 2) || code_letter(sha256(uuid_send($1)), 3)
        || code_letter(sha256(uuid_send($1)), 4) || code_letter(sha256(uuid_send($1)), 5);

-- Trigger function: rejects a change that the column privileges would allow. The argument is the
-- subject of the error message.
CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% of % is final', TG_ARGV[0], TG_TABLE_NAME USING ERRCODE = '42501';
END;
$$;

-- The role constancia_service serves requests. It may run what sql/queries contains and nothing
-- else: it creates no object, deletes nothing that was recorded, and updates attestations, claims,
-- verdicts and person statuses only in the columns by which they are retracted, voided, superseded
-- or moved. Migrations and operator commands run as the owner. Each migration grants what it adds.

DO $$
BEGIN
    -- Roles belong to the whole cluster: another database or an administrator may have created it.
    IF to_regrole('constancia_service') IS NULL THEN
        CREATE ROLE constancia_service;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- a migration of another database created it first
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'as the administrator of the server, first CREATE ROLE constancia_service';
END;
$$;

DO $$
BEGIN
    -- If the service has no login of its own, it logs in as the owner and sets this role.
    IF NOT pg_has_role(current_user, 'constancia_service', 'SET') THEN
        EXECUTE format('GRANT constancia_service TO %I WITH INHERIT FALSE, SET TRUE', current_user);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- the owner may not grant it; `constancia serve` reports what is missing
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
    -- By default every role may create large objects.
    REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)
    FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN
    NULL; -- only a superuser may revoke it
END;
$$;

GRANT SELECT ON migrations TO constancia_service;
