-- Custody, and detainee values: the index by which people are listed by custody, facility and
-- nationality.

-- A person as a caller sees them, with the latest detention and the custody.
CREATE TYPE listed_detainee AS (
    id uuid, name text, is_named boolean, withheld boolean, aliases text[], sex text,
    birth_date date, age_group text, nationalities text[], occupation text, external_ids jsonb,
    detention json, custody text, created_at timestamptz, updated_at timestamptz
);

CREATE FUNCTION detainees_with_custody(sees_hidden boolean) RETURNS SETOF listed_detainee
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
                WHERE e.detainee_id = d.id AND e.detention_id = l.id
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

-- One of these, by id. OFFSET 0 keeps the look-up by id when a filter follows.
CREATE FUNCTION detainee_with_custody(id uuid, sees_hidden boolean)
    RETURNS SETOF listed_detainee
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id, d.name, d.is_named, d.withheld, d.aliases, d.sex, d.birth_date, d.age_group,
        d.nationalities, d.occupation, d.external_ids, d.detention, d.custody, d.created_at,
        d.updated_at
    FROM detainees_with_custody($2) d
    WHERE d.id = $1
    OFFSET 0;
END;

-- A person's custody, alone (property '') and with each value: the facility of the latest detention and
-- the nationalities. In the order of ids, so that a page of a list reads what it returns. `hidden_group`
-- is part of the primary key, so that a list for the public reads no value that the public may not know.
CREATE TABLE detainee_values (
    property text NOT NULL CONSTRAINT detainee_value_is_of_a_known_property
        CHECK (property IN ('', 'facility_id', 'nationality')),
    value text NOT NULL,
    -- '' without a detention. A person with a verdict of a moment ahead has two rows, and a reader looks
    -- at which one it is.
    custody text NOT NULL,
    hidden_group text NOT NULL,
    detainee_id uuid NOT NULL CONSTRAINT detainee_value_is_of_a_detainee REFERENCES detainees,
    PRIMARY KEY (property, value, custody, hidden_group, detainee_id)
);

CREATE INDEX values_of_detainee ON detainee_values (detainee_id);

GRANT SELECT, INSERT, DELETE ON detainee_values TO constancia_service;

-- The values of people as they are now, with the custody that `detainees_with_custody` shows.
CREATE FUNCTION current_detainee_values(detainee_ids uuid[]) RETURNS TABLE (
    property text, value text, custody text, hidden_group text, detainee_id uuid
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.property, v.value, c.custody, hidden_group(d.age_group, d.withheld), d.id
    FROM unnest($1) i (id)
    JOIN detainees d ON d.id = i.id
    LEFT JOIN LATERAL (
        SELECT l.id, l.facility_id, t.whereabouts
        FROM latest_detention(d.id) l JOIN detentions t ON t.id = l.id
    ) l ON true
    CROSS JOIN LATERAL (
        -- Whether an event of the detention can be confirmed, and whether each can be unconfirmed.
        SELECT coalesce(bool_or(e.can_be_confirmed), false) AS can_be_released,
            coalesce(bool_and(e.can_be_unconfirmed), true) AS can_be_held
        FROM (
            SELECT bool_or(s.status_codes LIKE '_C%') AS can_be_confirmed,
                bool_or(s.status_codes NOT LIKE '_C%') AS can_be_unconfirmed
            FROM release_events o
            JOIN release_event_statuses s ON s.release_event_id = o.id AND s.is_current
            WHERE o.detainee_id = d.id AND o.detention_id = l.id
            GROUP BY o.id
        ) e
    ) e
    CROSS JOIN LATERAL (
        SELECT '' AS custody WHERE l.id IS NULL
        UNION ALL
        SELECT 'released' WHERE l.id IS NOT NULL AND e.can_be_released
        UNION ALL
        SELECT CASE l.whereabouts WHEN 'unknown' THEN 'whereabouts_unknown' ELSE 'detained' END
        WHERE l.id IS NOT NULL AND e.can_be_held
    ) c
    CROSS JOIN LATERAL (
        SELECT '' AS property, '' AS value
        UNION ALL
        SELECT 'facility_id', l.facility_id::text WHERE l.facility_id IS NOT NULL
        UNION ALL
        SELECT DISTINCT 'nationality', n.country FROM unnest(d.nationalities) n (country)
    ) v
    WHERE d.merged_into IS NULL;
END;

-- Stores the values of people. What decides them is written under the lock of the person.
CREATE FUNCTION store_detainee_values(detainee_ids uuid[]) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    WITH current AS MATERIALIZED (
        SELECT c.property, c.value, c.custody, c.hidden_group, c.detainee_id
        FROM current_detainee_values($1) c
    ), removed AS (
        DELETE FROM detainee_values v
        WHERE v.detainee_id = ANY ($1) AND NOT EXISTS (
            SELECT FROM current c
            WHERE c.property = v.property AND c.value = v.value AND c.custody = v.custody
                AND c.hidden_group = v.hidden_group AND c.detainee_id = v.detainee_id
        )
    )
    INSERT INTO detainee_values (property, value, custody, hidden_group, detainee_id)
    SELECT c.property, c.value, c.custody, c.hidden_group, c.detainee_id FROM current c
    ON CONFLICT DO NOTHING;
END;

-- Trigger functions: store the values of people who were written, of those whose detentions or release
-- events were, and of those who had them before.

CREATE FUNCTION store_values_of_people() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM store_detainee_values(ARRAY(SELECT c.id FROM changed c));
    RETURN NULL;
END;
$$;

CREATE FUNCTION store_values_of_owners() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM store_detainee_values(ARRAY(SELECT DISTINCT c.detainee_id FROM changed c));
    RETURN NULL;
END;
$$;

CREATE FUNCTION store_values_of_both_owners() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM store_detainee_values(ARRAY(
        SELECT c.detainee_id FROM changed c UNION SELECT f.detainee_id FROM former f
    ));
    RETURN NULL;
END;
$$;

CREATE TRIGGER person_gives_values AFTER INSERT ON detainees
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_values_of_people();
CREATE TRIGGER changed_person_gives_values AFTER UPDATE ON detainees
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_values_of_people();
CREATE TRIGGER detention_gives_values AFTER INSERT ON detentions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_values_of_owners();
CREATE TRIGGER changed_detention_gives_values AFTER UPDATE ON detentions
    REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_values_of_both_owners();
-- A new release event is unverified, which decides nothing. Those of verdicts: 0012_verdicts.sql.
CREATE TRIGGER changed_release_event_gives_values AFTER UPDATE ON release_events
    REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_values_of_both_owners();
-- The people who have an external id with this key, as far as a caller may know it.
CREATE FUNCTION detainees_with_external_id(id_key text, sees_hidden boolean)
    RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id FROM detainees d
    WHERE indexed_id_keys(d.external_ids, is_hidden(d.age_group, d.withheld))
            && known_id_keys($1, $2)
        AND d.merged_into IS NULL;
END;
