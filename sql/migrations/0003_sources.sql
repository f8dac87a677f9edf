-- Sources, and the affiliations between them.

CREATE TABLE sources (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    kind text NOT NULL,
    country text,
    url text,
    -- A confidential source is shown to the public as the organisation that vouches for it.
    confidential boolean NOT NULL DEFAULT false,
    vouched_by uuid CONSTRAINT vouching_source_exists REFERENCES sources,
    -- The surviving source, if this one was merged as a duplicate: never itself a duplicate.
    merged_into uuid CONSTRAINT source_was_merged_into_a_source REFERENCES sources,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT confidential_source_is_vouched_for_by_another
        CHECK (confidential = (vouched_by IS NOT NULL) AND vouched_by IS DISTINCT FROM id)
);

CREATE INDEX sources_vouched_for ON sources (vouched_by) WHERE vouched_by IS NOT NULL;
CREATE INDEX sources_of_kind ON sources (kind, id);
CREATE INDEX sources_merged_into ON sources (merged_into) WHERE merged_into IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON sources TO constancia_service;

-- The keys of each source's name and address (api/identity/name_similarity.py): only sources that
-- share a key can be one.
CREATE TABLE source_keys (
    key text NOT NULL,
    source_id uuid NOT NULL CONSTRAINT source_key_is_of_a_source REFERENCES sources,
    PRIMARY KEY (key, source_id)
);

CREATE INDEX source_keys_of_source ON source_keys (source_id);

GRANT SELECT, INSERT, DELETE ON source_keys TO constancia_service;

-- A dated relation between two sources. Affiliated sources count as one group.
CREATE TABLE affiliations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    source_id uuid NOT NULL CONSTRAINT affiliation_source_exists REFERENCES sources,
    with_source_id uuid NOT NULL CONSTRAINT affiliation_with_source_exists REFERENCES sources,
    relation text NOT NULL,
    valid_from timestamptz,
    valid_until timestamptz,
    -- Entered by mistake: no answer depends on it. Null again once the voiding is undone.
    voided_at timestamptz,
    void_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT affiliation_ends_after_it_begins CHECK (valid_from < valid_until),
    CONSTRAINT affiliation_is_between_two_sources CHECK (source_id <> with_source_id)
);

CREATE INDEX affiliations_of_source ON affiliations (source_id);
CREATE INDEX affiliations_with_source ON affiliations (with_source_id);

GRANT SELECT, INSERT, UPDATE, MAINTAIN ON affiliations TO constancia_service;

-- The functions visible_* return every record as a caller may see it. All records that leave the
-- service are read from them, so that no response can name a hidden person or a confidential source.

-- Whether the name of a source of this kind is left out, because it could say who was held.
CREATE FUNCTION source_is_unnamed(kind text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN names_are_off() AND $1 IN ('relative', 'released_person', 'witness');

CREATE FUNCTION shown_source_name(id uuid, kind text, name text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN source_is_unnamed($2) THEN 'Source ' || code_of($1) ELSE $3 END;

-- The sources that a caller sees, without merged duplicates. The public does not see confidential
-- sources: the list would reveal how many of them an organisation vouches for.
CREATE FUNCTION visible_sources(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, kind text, country text, url text, confidential boolean, vouched_by uuid,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.id, shown_source_name(s.id, s.kind, s.name), s.kind, s.country,
        CASE WHEN NOT source_is_unnamed(s.kind) THEN s.url END, s.confidential,
        coalesce((SELECT v.merged_into FROM sources v WHERE v.id = s.vouched_by), s.vouched_by),
        s.created_at, s.updated_at
    FROM sources s
    WHERE s.merged_into IS NULL AND ($1 OR NOT s.confidential);
END;

-- The affiliations with surviving sources, and with the sources as they were entered. One between two
-- sources that were merged since joins a source with itself, and means nothing. The reason of a voiding
-- may name people.
CREATE VIEW surviving_affiliations AS
SELECT a.id, coalesce(s.merged_into, s.id) AS source_id,
    coalesce(w.merged_into, w.id) AS with_source_id, a.relation, a.valid_from, a.valid_until,
    a.voided_at, CASE WHEN NOT names_are_off() THEN a.void_reason END AS void_reason,
    a.created_at, a.updated_at, a.source_id AS entered_source_id,
    a.with_source_id AS entered_with_source_id,
    coalesce(s.merged_into, s.id) <> coalesce(w.merged_into, w.id) AS joins_two
FROM affiliations a
JOIN sources s ON s.id = a.source_id
JOIN sources w ON w.id = a.with_source_id;

GRANT SELECT ON surviving_affiliations TO constancia_service;

-- The source that this one was merged into, or itself: now, if the moment of record time is null.
-- PL/pgSQL, because the ledger comes later.
CREATE FUNCTION surviving_source_id(id uuid, moment timestamptz) RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF moment IS NULL THEN
        RETURN coalesce((SELECT s.merged_into FROM sources s WHERE s.id = $1), $1);
    END IF;
    RETURN coalesce((SELECT (r.entry ->> 'merged_into')::uuid FROM recorded($1, $2) r), $1);
END;
$$;

-- The id that a caller sees for a source: that of the surviving source. The public sees a confidential
-- source as the source that vouches for it. With a moment of record time, by the merges of that moment.
CREATE FUNCTION visible_source_id(id uuid, sees_hidden boolean, moment timestamptz) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN surviving_source_id(
        CASE
            WHEN $2 THEN $1
            ELSE coalesce((SELECT s.vouched_by FROM sources s WHERE s.id = $1), $1)
        END,
        $3
    );

-- The sources for which a caller sees the id of this one: the inverse of visible_source_id.
CREATE FUNCTION sources_visible_as(id uuid, sees_hidden boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH merged AS (
        SELECT surviving_source_id($1, NULL) AS id
        UNION ALL
        SELECT s.id FROM sources s WHERE s.merged_into = surviving_source_id($1, NULL)
    )
    SELECT s.id FROM merged m JOIN sources s ON s.id = m.id WHERE $2 OR NOT s.confidential
    UNION ALL
    SELECT s.id FROM merged m JOIN sources s ON s.vouched_by = m.id WHERE NOT $2;
END;

-- The relays of a claim, [{claim_id, source_id}], with visible source ids.
CREATE FUNCTION visible_relays(relays jsonb, sees_hidden boolean, moment timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT $1 @? '$[*].source_id ? (@ != null)' THEN $1
        ELSE (
            SELECT jsonb_agg(s.relay ORDER BY s.place)
            FROM (
                -- Without duplicates, which would reveal how many sources of one organisation are relayed.
                SELECT v.relay, min(r.place) AS place
                FROM jsonb_array_elements($1) WITH ORDINALITY AS r (relay, place)
                CROSS JOIN LATERAL (
                    SELECT jsonb_set(
                        r.relay, '{source_id}',
                        coalesce(
                            to_jsonb(visible_source_id((r.relay ->> 'source_id')::uuid, $2, $3)),
                            'null'
                        )
                    ) AS relay
                ) v
                GROUP BY v.relay
            ) s
        )
    END;
