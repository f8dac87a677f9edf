-- Merges of duplicate records of one person, and distinctions between two people.

-- The duplicate record's children move to the surviving record. A child that the surviving record has
-- too stays in place with `merged_into` set. So nothing is lost, and a merge can be undone.
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

GRANT SELECT, INSERT, UPDATE (undone_at, updated_at) ON merges TO constancia_service;

-- For each record that a merge changed, the changed columns before and after.
CREATE TABLE merge_changes (
    merge_id uuid NOT NULL CONSTRAINT merge_change_is_of_a_merge REFERENCES merges,
    resource text NOT NULL,
    resource_id uuid NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    PRIMARY KEY (merge_id, resource_id)
);

CREATE INDEX merge_changes_of_resource ON merge_changes (resource_id);

GRANT SELECT, INSERT ON merge_changes TO constancia_service;

-- A person's detentions at a moment of record time, also those that a merge moved since.
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
        JOIN merge_changes m ON m.merge_id = g.id
        WHERE m.resource = 'detention'
    ) i
    CROSS JOIN LATERAL recorded(i.id, $2) r
    CROSS JOIN LATERAL jsonb_to_record(r.entry) AS t (
        id uuid, detainee_id uuid, merged_into uuid, detained_on text, began_on date,
        created_at timestamptz
    )
    WHERE t.detainee_id = $1 AND t.merged_into IS NULL;
END;

-- The decision of an editor that two records are of two people, however similar, so that they are not
-- offered as duplicates again.
CREATE TABLE distinctions (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    detainee_id uuid NOT NULL CONSTRAINT distinction_is_of_a_detainee REFERENCES detainees,
    distinct_from_id uuid NOT NULL CONSTRAINT distinction_is_from_a_detainee REFERENCES detainees,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    CONSTRAINT distinction_is_of_two_people CHECK (detainee_id <> distinct_from_id)
);

-- In either order of the two.
CREATE UNIQUE INDEX one_distinction_of_two_people
    ON distinctions (least(detainee_id, distinct_from_id), greatest(detainee_id, distinct_from_id))
    WHERE withdrawn_at IS NULL;
CREATE INDEX distinctions_of_detainee ON distinctions (detainee_id);

GRANT SELECT, INSERT, UPDATE (withdrawn_at, updated_at) ON distinctions TO constancia_service;
