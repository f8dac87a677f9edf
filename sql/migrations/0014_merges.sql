-- Merges of duplicate records of one person or source, and distinctions between two of them.

-- Whether any of these people, or a person into whose record one was merged, is hidden.
CREATE FUNCTION involve_hidden(detainee_ids uuid[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE people (id, merged_into, is_hidden) AS (
        SELECT d.id, d.merged_into, is_hidden(d.age_group, d.withheld)
        FROM detainees d WHERE d.id = ANY ($1)
        UNION
        SELECT d.id, d.merged_into, is_hidden(d.age_group, d.withheld)
        FROM people p JOIN detainees d ON d.id = p.merged_into
    )
    SELECT coalesce(bool_or(p.is_hidden), false) FROM people p;
END;

-- The children of a duplicate person move to the surviving record. If the surviving record has the same
-- child, the duplicate child stays in place with `merged_into` set. So a merge can be undone. What a
-- duplicate source published stays in place, and is read as that of the surviving source.
CREATE TABLE merges (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    detainee_id uuid CONSTRAINT merge_is_of_a_detainee REFERENCES detainees,
    into_id uuid CONSTRAINT merge_is_into_a_detainee REFERENCES detainees,
    source_id uuid CONSTRAINT merge_is_of_a_source REFERENCES sources,
    into_source_id uuid CONSTRAINT merge_is_into_a_source REFERENCES sources,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz,
    CONSTRAINT merge_is_of_two_people CHECK (detainee_id <> into_id),
    CONSTRAINT merge_is_of_two_sources CHECK (source_id <> into_source_id),
    CONSTRAINT merge_is_of_people_or_sources CHECK (
        num_nonnulls(detainee_id, source_id) = 1
        AND (detainee_id IS NULL) = (into_id IS NULL)
        AND (source_id IS NULL) = (into_source_id IS NULL)
    )
);

CREATE UNIQUE INDEX one_merge_of_a_detainee ON merges (detainee_id) WHERE undone_at IS NULL;
CREATE INDEX merges_of_detainee ON merges (detainee_id);
CREATE INDEX merges_into ON merges (into_id);
CREATE UNIQUE INDEX one_merge_of_a_source ON merges (source_id) WHERE undone_at IS NULL;
CREATE INDEX merges_of_source ON merges (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX merges_into_source ON merges (into_source_id) WHERE into_source_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE (undone_at, updated_at) ON merges TO constancia_service;

-- For each record that a merge or its undo changed, the changed columns before and after.
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

-- The sources for which a caller saw the id of this one at some moment of record time.
CREATE FUNCTION sources_ever_visible_as(id uuid, sees_hidden boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE merged (id) AS (
        SELECT $1
        UNION
        SELECT m.other_id FROM merged t CROSS JOIN LATERAL (
            SELECT g.source_id AS other_id FROM merges g WHERE g.into_source_id = t.id
            UNION ALL
            SELECT g.into_source_id FROM merges g WHERE g.source_id = t.id
        ) m
    )
    SELECT s.id FROM merged m JOIN sources s ON s.id = m.id WHERE $2 OR NOT s.confidential
    UNION ALL
    SELECT s.id FROM merged m JOIN sources s ON s.vouched_by = m.id WHERE NOT $2;
END;

-- Splits of a person whose record held the records of two people. The chosen records moved to a new
-- person, and a distinction of the two was recorded.
CREATE TABLE splits (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    detainee_id uuid NOT NULL CONSTRAINT split_is_of_a_detainee REFERENCES detainees,
    new_detainee_id uuid NOT NULL CONSTRAINT split_gives_a_detainee REFERENCES detainees,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    undone_at timestamptz
);

CREATE INDEX splits_of_detainee ON splits (detainee_id);
CREATE UNIQUE INDEX one_split_of_a_new_detainee ON splits (new_detainee_id);

GRANT SELECT, INSERT, UPDATE (undone_at, updated_at) ON splits TO constancia_service;

-- For each record that a split or its undo moved, the changed columns before and after.
CREATE TABLE split_changes (
    split_id uuid NOT NULL CONSTRAINT split_change_is_of_a_split REFERENCES splits,
    resource text NOT NULL,
    resource_id uuid NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    PRIMARY KEY (split_id, resource_id)
);

GRANT SELECT, INSERT ON split_changes TO constancia_service;

-- The splits that a caller sees, with the records that each moved to the new person. The public sees
-- none that involves a hidden person: it would tell whose record was mistaken for whose.
CREATE FUNCTION visible_splits(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, new_detainee_id uuid, detention_ids uuid[],
    release_event_ids uuid[], created_at timestamptz, updated_at timestamptz, undone_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.id, s.detainee_id, s.new_detainee_id,
        ARRAY(
            SELECT c.resource_id FROM split_changes c
            WHERE c.split_id = s.id AND c.resource = 'detention'
                AND c.before ->> 'detainee_id' = s.detainee_id::text
            ORDER BY c.resource_id
        ),
        ARRAY(
            SELECT c.resource_id FROM split_changes c
            WHERE c.split_id = s.id AND c.resource = 'release_event'
                AND c.before ->> 'detainee_id' = s.detainee_id::text
            ORDER BY c.resource_id
        ),
        s.created_at, s.updated_at, s.undone_at
    FROM splits s
    WHERE $1 OR NOT involve_hidden(ARRAY[s.detainee_id, s.new_detainee_id]);
END;

-- The people whose records a merge or a split, also an undone one, has moved to or from this person.
CREATE FUNCTION people_linked_with(detainee_id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.into_id FROM merges m WHERE m.detainee_id = $1
    UNION ALL
    SELECT m.detainee_id FROM merges m WHERE m.into_id = $1
    UNION ALL
    SELECT s.new_detainee_id FROM splits s WHERE s.detainee_id = $1
    UNION ALL
    SELECT s.detainee_id FROM splits s WHERE s.new_detainee_id = $1;
END;

-- A person, and the duplicate records merged into theirs, directly or through others.
CREATE FUNCTION person_with_duplicates(detainee_id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE records (id) AS (
        SELECT $1
        UNION ALL
        SELECT d.id FROM records r JOIN detainees d ON d.merged_into = r.id
    )
    SELECT r.id FROM records r;
END;

-- The records of a kind that merges and splits of a person have moved.
CREATE FUNCTION records_moved_with(detainee_id uuid, resource text) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.resource_id
    FROM (
        SELECT g.id FROM merges g WHERE g.detainee_id = $1
        UNION ALL
        SELECT g.id FROM merges g WHERE g.into_id = $1
    ) g
    JOIN merge_changes m ON m.merge_id = g.id
    WHERE m.resource = $2
    UNION ALL
    SELECT c.resource_id
    FROM (
        SELECT p.id FROM splits p WHERE p.detainee_id = $1
        UNION ALL
        SELECT p.id FROM splits p WHERE p.new_detainee_id = $1
    ) p
    JOIN split_changes c ON c.split_id = p.id
    WHERE c.resource = $2;
END;

-- The detentions that a person may have had at a moment of record time.
CREATE FUNCTION detentions_perhaps_of(detainee_id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id FROM detentions d WHERE d.detainee_id = $1
    UNION
    SELECT c.id FROM records_moved_with($1, 'detention') c;
END;

-- A person's detentions at a moment of record time, with those that a merge or a split has moved since.
CREATE FUNCTION recorded_detentions(detainee_id uuid, moment timestamptz)
    RETURNS TABLE (
        id uuid, detained_on text, counts_from_entry boolean, created_at timestamptz
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detained_on, t.counts_from_entry, t.created_at
    FROM detentions_perhaps_of($1) i
    CROSS JOIN LATERAL recorded(i.id, $2) r
    CROSS JOIN LATERAL jsonb_to_record(r.entry) AS t (
        id uuid, detainee_id uuid, merged_into uuid, voided_at timestamptz, detained_on text,
        counts_from_entry boolean, created_at timestamptz
    )
    WHERE t.detainee_id = $1 AND t.merged_into IS NULL AND t.voided_at IS NULL;
END;

-- A person's release events at a moment of record time, with those moved since.
CREATE FUNCTION recorded_release_events(detainee_id uuid, moment timestamptz)
    RETURNS TABLE (id uuid, detention_id uuid, occurred_on date, announcement_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detention_id, t.occurred_on, t.announcement_id
    FROM (
        SELECT e.id FROM release_events e WHERE e.detainee_id = $1
        UNION
        SELECT c.id FROM records_moved_with($1, 'release_event') c
    ) i
    CROSS JOIN LATERAL recorded(i.id, $2) r
    CROSS JOIN LATERAL jsonb_to_record(r.entry) AS t (
        id uuid, detainee_id uuid, detention_id uuid, occurred_on date, announcement_id uuid,
        merged_into uuid, voided_at timestamptz
    )
    WHERE t.detainee_id = $1 AND t.merged_into IS NULL AND t.voided_at IS NULL;
END;

-- The release events that were ever moved by a merge or its undo, with the person and the detention
-- that each belonged to at a moment of record time.
CREATE FUNCTION moved_release_events(moment timestamptz)
    RETURNS TABLE (id uuid, detainee_id uuid, detention_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.id, (r.entry ->> 'detainee_id')::uuid, (r.entry ->> 'detention_id')::uuid
    FROM (
        SELECT DISTINCT l.resource_id AS id FROM ledger l
        WHERE l.action = 'moved' AND l.resource = 'release_event'
    ) m
    CROSS JOIN LATERAL recorded(m.id, $1) r;
END;

-- The release events that ever belonged to a detention of which a caller may know that it was ever at
-- one of these facilities; by indexes.
CREATE FUNCTION release_events_ever_at(facility_ids uuid[], sees_hidden boolean)
    RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id
    FROM detentions_ever_at($1, $2) i
    JOIN detentions t ON t.id = i.id
    JOIN release_events e
        ON e.detainee_id = t.detainee_id AND e.detention_id IS NOT DISTINCT FROM t.id
    UNION ALL
    SELECT l.resource_id FROM ledger l
    WHERE l.action = 'moved' AND l.resource = 'release_event';
END;

-- The release events that ever had an announcement; by an index of the ledger.
CREATE FUNCTION release_events_ever_of(announcement_id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.resource_id FROM ledger l
    WHERE l.resource = 'release_event' AND l.entry ->> 'announcement_id' = $1::text;
END;

-- The release events that were ever of a day in a period; by an index of the ledger.
CREATE FUNCTION release_events_ever_on(first_day date, last_day date) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.resource_id FROM ledger l
    WHERE l.resource = 'release_event'
        AND l.entry ->> 'occurred_on' BETWEEN to_char($1, 'YYYY-MM-DD') AND to_char($2, 'YYYY-MM-DD');
END;

-- An editor's decision that two similar records are of two people or sources, so that they are not
-- reported as duplicates again.
CREATE TABLE distinctions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    detainee_id uuid CONSTRAINT distinction_is_of_a_detainee REFERENCES detainees,
    distinct_from_id uuid CONSTRAINT distinction_is_from_a_detainee REFERENCES detainees,
    source_id uuid CONSTRAINT distinction_is_of_a_source REFERENCES sources,
    distinct_from_source_id uuid CONSTRAINT distinction_is_from_a_source REFERENCES sources,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    CONSTRAINT distinction_is_of_two_people CHECK (detainee_id <> distinct_from_id),
    CONSTRAINT distinction_is_of_two_sources CHECK (source_id <> distinct_from_source_id),
    CONSTRAINT distinction_is_of_people_or_sources CHECK (
        num_nonnulls(detainee_id, source_id) = 1
        AND (detainee_id IS NULL) = (distinct_from_id IS NULL)
        AND (source_id IS NULL) = (distinct_from_source_id IS NULL)
    )
);

-- One distinction of two people, in either order.
CREATE UNIQUE INDEX one_distinction_of_two_people
    ON distinctions (least(detainee_id, distinct_from_id), greatest(detainee_id, distinct_from_id))
    WHERE withdrawn_at IS NULL;
CREATE INDEX distinctions_of_detainee ON distinctions (detainee_id);
CREATE UNIQUE INDEX one_distinction_of_two_sources ON distinctions (
    least(source_id, distinct_from_source_id), greatest(source_id, distinct_from_source_id)
) WHERE withdrawn_at IS NULL AND source_id IS NOT NULL;

CREATE INDEX distinctions_of_source ON distinctions (source_id) WHERE source_id IS NOT NULL;
CREATE INDEX distinctions_from_source ON distinctions (distinct_from_source_id)
    WHERE distinct_from_source_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE (withdrawn_at, updated_at) ON distinctions TO constancia_service;

-- Whether any of these sources is confidential.
CREATE FUNCTION involve_confidential(source_ids uuid[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM sources s WHERE s.id = ANY ($1) AND s.confidential);

-- The merges and the distinctions that a caller sees. The public sees none that involves a hidden
-- person, since it could name a relative, or the person; and none that involves a confidential source.
CREATE FUNCTION visible_merges(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, into_id uuid, source_id uuid, into_source_id uuid,
    created_at timestamptz, updated_at timestamptz, undone_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.id, m.detainee_id, m.into_id, m.source_id, m.into_source_id, m.created_at,
        m.updated_at, m.undone_at
    FROM merges m
    WHERE $1 OR NOT (
        involve_hidden(ARRAY[m.detainee_id, m.into_id])
        OR involve_confidential(ARRAY[m.source_id, m.into_source_id])
    );
END;

CREATE FUNCTION visible_distinctions(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, distinct_from_id uuid, source_id uuid,
    distinct_from_source_id uuid, created_at timestamptz, updated_at timestamptz,
    withdrawn_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT x.id, x.detainee_id, x.distinct_from_id, x.source_id, x.distinct_from_source_id,
        x.created_at, x.updated_at, x.withdrawn_at
    FROM distinctions x
    WHERE $1 OR NOT (
        involve_hidden(ARRAY[x.detainee_id, x.distinct_from_id])
        OR involve_confidential(ARRAY[x.source_id, x.distinct_from_source_id])
    );
END;
