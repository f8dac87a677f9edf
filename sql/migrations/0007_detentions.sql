-- Detentions: the intervals during which a person was held.
CREATE TABLE detentions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    detainee_id uuid NOT NULL CONSTRAINT detention_detainee_exists REFERENCES detainees,
    facility_id uuid CONSTRAINT detention_facility_exists REFERENCES facilities,
    -- A day, a month or a year (ISO 8601), or null if unknown.
    detained_on text,
    -- The first day on which the detention can have begun. It orders a person's detentions, even if
    -- only the month, the year or nothing is known.
    began_on date NOT NULL,
    authority text,
    charges text,
    whereabouts text NOT NULL,
    -- Whether a re-arrest counts from `created_at` on: the person was hidden when its day was recorded, and
    -- counts at two moments would tell the day. It stays, so that no count changes with a withholding.
    counts_from_entry boolean NOT NULL DEFAULT false,
    -- Whether a key of scope edit, or the operator, entered or accepted the detention at this facility.
    accepted boolean NOT NULL DEFAULT false,
    merged_into uuid CONSTRAINT detention_was_merged_into_a_detention REFERENCES detentions,
    -- Entered by mistake: no answer depends on it. Null again once the voiding is undone.
    voided_at timestamptz,
    void_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, detainee_id)
);

CREATE INDEX detentions_of_detainee ON detentions (detainee_id, id);
CREATE INDEX detentions_at_facility ON detentions (facility_id);
-- Those of which the ledger has another row for some moment.
CREATE INDEX detentions_changed ON detentions (detainee_id) WHERE updated_at <> created_at;

GRANT SELECT, INSERT, UPDATE, MAINTAIN ON detentions TO constancia_service;

-- The detentions that are or ever were at a facility: an index for lists and counts. `hidden_group` is part
-- of the primary key, so that a query for the public reads none that the public may not know.
CREATE TABLE facility_detentions (
    facility_id uuid NOT NULL,
    hidden_group text NOT NULL,
    detention_id uuid NOT NULL CONSTRAINT facility_detention_is_of_a_detention REFERENCES detentions,
    PRIMARY KEY (facility_id, hidden_group, detention_id)
);

CREATE INDEX facilities_of_detention ON facility_detentions (detention_id);

GRANT SELECT, INSERT, UPDATE (hidden_group) ON facility_detentions TO constancia_service;

-- The groups of people of whom a caller may know that they are or were at a facility.
CREATE FUNCTION known_groups_at(facility_id uuid, sees_hidden boolean)
    RETURNS TABLE (hidden_group text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ''
    UNION ALL
    SELECT g.age_group FROM disclosed_groups g WHERE g.facility_id = $1 AND NOT $2
    UNION ALL
    SELECT h.hidden_group FROM unnest(ARRAY['adult', 'minor', 'unknown']) AS h (hidden_group)
    WHERE $2;
END;

-- The detentions of which a caller may know that they are or were at one of these facilities. By an index.
CREATE FUNCTION detentions_ever_at(facility_ids uuid[], sees_hidden boolean)
    RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.detention_id
    FROM unnest($1) AS s (facility_id)
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up each facility, whatever number the planner expects.
        SELECT o.detention_id FROM facility_detentions o
        WHERE o.facility_id = s.facility_id AND o.hidden_group = ANY (ARRAY(
            SELECT g.hidden_group FROM known_groups_at(s.facility_id, $2) g
        ))
        OFFSET 0
    ) f;
END;

-- Stores the facilities of these detentions, and the groups of their people. What decides them is written
-- under the lock of the person.
CREATE FUNCTION store_facility_detentions(detention_ids uuid[]) RETURNS void
    LANGUAGE sql
BEGIN ATOMIC
    WITH current AS MATERIALIZED (
        SELECT t.id, t.facility_id, hidden_group(d.age_group, d.withheld) AS hidden_group
        FROM detentions t JOIN detainees d ON d.id = t.detainee_id
        WHERE t.id = ANY ($1)
    ), regrouped AS (
        UPDATE facility_detentions f SET hidden_group = c.hidden_group
        FROM current c
        WHERE f.detention_id = c.id AND f.hidden_group <> c.hidden_group
    )
    INSERT INTO facility_detentions (facility_id, hidden_group, detention_id)
    SELECT c.facility_id, c.hidden_group, c.id
    FROM current c
    WHERE c.facility_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM facility_detentions f
        WHERE f.detention_id = c.id AND f.facility_id = c.facility_id
    );
END;

CREATE FUNCTION store_facilities_of_detentions() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM store_facility_detentions(ARRAY(SELECT c.id FROM changed c));
    RETURN NULL;
END;
$$;

CREATE FUNCTION store_facilities_of_people() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    PERFORM store_facility_detentions(ARRAY(
        SELECT t.id
        FROM changed c
        JOIN former f ON f.id = c.id
        JOIN detentions t ON t.detainee_id = c.id
        WHERE hidden_group(c.age_group, c.withheld) <> hidden_group(f.age_group, f.withheld)
    ));
    RETURN NULL;
END;
$$;

CREATE TRIGGER detention_gives_facility AFTER INSERT ON detentions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_facilities_of_detentions();
CREATE TRIGGER changed_detention_gives_facility AFTER UPDATE ON detentions
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_facilities_of_detentions();
CREATE TRIGGER changed_person_gives_facilities AFTER UPDATE ON detainees
    REFERENCING OLD TABLE AS former NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION store_facilities_of_people();

-- The last day of a day, a month or a year: infinity for null.
CREATE FUNCTION last_day(detained_on text) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE length(detained_on)
        WHEN 4 THEN make_date(detained_on::integer, 12, 31)
        WHEN 7 THEN (interval '1 month -1 day' + make_date(
            left(detained_on, 4)::integer, right(detained_on, 2)::integer, 1
        ))::date
        WHEN 10 THEN make_date(
            left(detained_on, 4)::integer, substr(detained_on, 6, 2)::integer,
            right(detained_on, 2)::integer
        )
        ELSE 'infinity'
    END;

-- The moment from which a detention counts: midnight UTC of the last day on which it can have begun,
-- or the moment of its entry if that is earlier. `first_release` is the day of its first release
-- event, null if it has none.
CREATE FUNCTION detention_began_at(
    detained_on text, first_release date, created_at timestamptz
) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(
        created_at, least(last_day(detained_on), first_release)::timestamp AT TIME ZONE 'UTC'
    );

-- The latest detention of a person.
CREATE FUNCTION latest_detention(detainee_id uuid) RETURNS TABLE (
    id uuid, facility_id uuid, detained_on text
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.facility_id, t.detained_on
    FROM detentions t
    WHERE t.detainee_id = $1 AND t.voided_at IS NULL
    ORDER BY t.began_on DESC, t.created_at DESC, t.id DESC
    LIMIT 1;
END;

-- The facility that the public may know of a person's detention at a moment of record time.
CREATE FUNCTION disclosed_facility(
    age_group text, withheld boolean, facility_id uuid, moment timestamptz
) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT is_hidden($1, $2) OR EXISTS (
            SELECT FROM disclosed_groups c
            WHERE c.age_group = $1 AND c.facility_id = $3 AND c.disclosed_from <= $4
        ) THEN $3
    END;

-- The detentions that a caller sees, without merged duplicates. That one was voided, and when, is
-- visible.
CREATE FUNCTION visible_detentions(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, facility_id uuid, detained_on text, authority text, charges text,
    whereabouts text, voided_at timestamptz, void_reason text, created_at timestamptz,
    updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detainee_id,
        CASE
            WHEN h.hides THEN disclosed_facility(d.age_group, d.withheld, t.facility_id, 'infinity')
            ELSE t.facility_id
        END,
        CASE WHEN NOT h.hides THEN t.detained_on END,
        CASE WHEN NOT h.hides THEN t.authority END,
        CASE WHEN NOT h.hides THEN t.charges END,
        t.whereabouts, t.voided_at,
        CASE WHEN NOT h.hides THEN t.void_reason END,
        t.created_at,
        CASE WHEN h.hides THEN t.created_at ELSE t.updated_at END
    FROM detentions t
    JOIN detainees d ON d.id = t.detainee_id
    CROSS JOIN LATERAL (
        SELECT is_unnamed(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h
    WHERE t.merged_into IS NULL;
END;

-- The groups of these people, and of the people of these detentions, that have reached the
-- disclosure threshold and are not disclosed yet. Only accepted hidden people count, and at a
-- facility only their accepted detentions. A merged duplicate is not counted beside its surviving
-- record.
CREATE FUNCTION disclosable_groups(detainee_ids uuid[], detention_ids uuid[])
    RETURNS TABLE (age_group text, facility_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH people AS (
        SELECT unnest($1) AS id
        UNION
        SELECT t.detainee_id FROM detentions t WHERE t.id = ANY ($2)
    ), hidden AS (
        SELECT d.id, d.age_group
        FROM people p JOIN detainees d ON d.id = p.id
        WHERE d.accepted AND is_hidden(d.age_group, d.withheld) AND d.merged_into IS NULL
    ), groups AS (
        SELECT h.age_group, NULL::uuid AS facility_id FROM hidden h
        UNION
        SELECT h.age_group, t.facility_id
        FROM hidden h JOIN detentions t ON t.detainee_id = h.id
        WHERE t.facility_id IS NOT NULL AND t.accepted AND t.voided_at IS NULL
    )
    SELECT g.age_group, g.facility_id
    FROM groups g
    WHERE NOT EXISTS (
        SELECT FROM disclosed_groups c
        WHERE c.age_group = g.age_group AND c.facility_id IS NOT DISTINCT FROM g.facility_id
    ) AND disclosure_threshold() <= (
        SELECT count(*) FROM (
            SELECT d.id FROM detainees d
            WHERE g.facility_id IS NULL AND d.age_group = g.age_group AND d.accepted
                AND is_hidden(d.age_group, d.withheld) AND d.merged_into IS NULL
            UNION
            SELECT t.detainee_id
            FROM detentions t JOIN detainees d ON d.id = t.detainee_id
            WHERE t.facility_id = g.facility_id AND t.accepted AND t.voided_at IS NULL
                AND d.age_group = g.age_group AND d.accepted
                AND is_hidden(d.age_group, d.withheld) AND d.merged_into IS NULL
            LIMIT disclosure_threshold()
        ) members
    );
END;
