-- Two records of one person become one, and can be two again. What belongs to the one who is no more
-- moves to the other; what is no more, since the other has it too, stays with the one who is no more
-- and says what it became: so nothing of either is lost, and all of it finds its way back.

ALTER TABLE detainees ADD COLUMN merged_into uuid
    CONSTRAINT detainee_was_merged_into_a_detainee REFERENCES detainees;
ALTER TABLE detentions ADD COLUMN merged_into uuid
    CONSTRAINT detention_was_merged_into_a_detention REFERENCES detentions;
ALTER TABLE release_events ADD COLUMN merged_into uuid
    CONSTRAINT release_event_was_merged_into_a_release_event REFERENCES release_events;

CREATE INDEX detainees_merged_into ON detainees (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE merges (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    detainee_id uuid NOT NULL CONSTRAINT merge_is_of_a_detainee REFERENCES detainees,
    into_id uuid NOT NULL CONSTRAINT merge_is_into_a_detainee REFERENCES detainees,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    CONSTRAINT merge_is_of_two_people CHECK (detainee_id <> into_id)
);

CREATE UNIQUE INDEX one_merge_of_a_detainee ON merges (detainee_id) WHERE undone_at IS NULL;
CREATE INDEX merges_of_detainee ON merges (detainee_id);
CREATE INDEX merges_into ON merges (into_id);

-- What a merge changed: of each record the columns that were changed, as they were and as they became.
CREATE TABLE moves (
    merge_id uuid NOT NULL CONSTRAINT move_is_of_a_merge REFERENCES merges,
    resource text NOT NULL,
    resource_id uuid NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    PRIMARY KEY (merge_id, resource_id)
);

CREATE INDEX moves_of_resource ON moves (resource_id);

-- Null for a voided attestation whose relays belong to two events since a merge was undone: of what
-- is void nothing follows.
ALTER TABLE relays ALTER COLUMN release_event_id DROP NOT NULL;

-- What ever became another person's.
CREATE INDEX ledger_of_moves ON ledger (resource, resource_id) WHERE action = 'moved';

-- A person's detentions as the record had them at a moment.
CREATE FUNCTION recorded_detentions(detainee_id uuid, moment timestamptz)
    RETURNS TABLE (id uuid, detained_on text, began_on date, created_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detained_on, t.began_on, t.created_at
    FROM (
        SELECT d.id FROM detentions d WHERE d.detainee_id = $1
        UNION
        SELECT m.resource_id
        FROM (
            SELECT g.id FROM merges g WHERE g.detainee_id = $1
            UNION ALL
            SELECT g.id FROM merges g WHERE g.into_id = $1
        ) g
        JOIN moves m ON m.merge_id = g.id
        WHERE m.resource = 'detention'
    ) i
    CROSS JOIN LATERAL recorded(i.id, $2) r
    CROSS JOIN LATERAL jsonb_to_record(r.entry) AS t (
        id uuid, detainee_id uuid, merged_into uuid, detained_on text, began_on date,
        created_at timestamptz
    )
    WHERE t.detainee_id = $1 AND t.merged_into IS NULL;
END;

-- Nobody sees what became another record: it is seen there.

CREATE OR REPLACE FUNCTION seen_detainees(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, is_named boolean, withheld boolean, aliases text[], sex text,
    birth_date date, age_group text, nationalities text[], occupation text, external_ids jsonb,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id,
        CASE WHEN h.hides THEN pseudonym(d.id) ELSE d.name END,
        NOT is_hidden(d.age_group, d.withheld),
        CASE WHEN NOT h.hides THEN d.withheld END,
        CASE WHEN h.hides THEN '{}' ELSE d.aliases END,
        CASE WHEN NOT h.hides THEN d.sex END,
        CASE WHEN NOT h.hides THEN d.birth_date END,
        CASE
            WHEN h.hides THEN told_age_group(d.age_group, d.withheld, 'infinity')
            ELSE d.age_group
        END,
        CASE WHEN h.hides THEN '{}' ELSE d.nationalities END,
        CASE WHEN NOT h.hides THEN d.occupation END,
        CASE WHEN h.hides THEN '[]' ELSE d.external_ids END,
        d.created_at,
        CASE WHEN h.hides THEN d.created_at ELSE d.updated_at END
    FROM detainees d
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h
    WHERE d.merged_into IS NULL;
END;

CREATE OR REPLACE FUNCTION seen_detentions(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, facility_id uuid, detained_on text, authority text, charges text,
    whereabouts text, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detainee_id,
        CASE
            WHEN h.hides THEN told_facility(d.age_group, d.withheld, t.facility_id, 'infinity')
            ELSE t.facility_id
        END,
        CASE WHEN NOT h.hides THEN t.detained_on END,
        CASE WHEN NOT h.hides THEN t.authority END,
        CASE WHEN NOT h.hides THEN t.charges END,
        t.whereabouts, t.created_at,
        CASE WHEN h.hides THEN t.created_at ELSE t.updated_at END
    FROM detentions t
    JOIN detainees d ON d.id = t.detainee_id
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h
    WHERE t.merged_into IS NULL;
END;

CREATE OR REPLACE FUNCTION seen_release_events(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on,
        CASE WHEN NOT h.hides THEN e.place END,
        e.announcement_id, e.created_at,
        CASE WHEN h.hides THEN e.created_at ELSE e.updated_at END
    FROM release_events e
    JOIN detainees d ON d.id = e.detainee_id
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h
    WHERE e.merged_into IS NULL;
END;

-- The same as before, but who was merged is not one of the five beside who they became.
CREATE OR REPLACE FUNCTION ripe_cohorts(detainee_ids uuid[], detention_ids uuid[])
    RETURNS TABLE (age_group text, facility_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH people AS (
        SELECT unnest($1) AS id
        UNION
        SELECT t.detainee_id FROM detentions t WHERE t.id = ANY ($2)
    ), own AS (
        SELECT d.age_group, NULL::uuid AS facility_id
        FROM people p JOIN detainees d ON d.id = p.id
        WHERE d.merged_into IS NULL
        UNION
        SELECT d.age_group, t.facility_id
        FROM people p JOIN detainees d ON d.id = p.id JOIN detentions t ON t.detainee_id = d.id
        WHERE t.facility_id IS NOT NULL AND d.merged_into IS NULL
    )
    SELECT o.age_group, o.facility_id
    FROM own o
    WHERE NOT EXISTS (
        SELECT FROM cohorts c
        WHERE c.age_group = o.age_group AND c.facility_id IS NOT DISTINCT FROM o.facility_id
    ) AND 5 <= (
        SELECT count(*) FROM (
            SELECT d.id FROM detainees d
            WHERE o.facility_id IS NULL AND d.age_group = o.age_group AND d.merged_into IS NULL
            UNION
            SELECT t.detainee_id
            FROM detentions t JOIN detainees d ON d.id = t.detainee_id
            WHERE t.facility_id = o.facility_id AND d.age_group = o.age_group
                AND d.merged_into IS NULL
            LIMIT 5
        ) shared
    );
END;
