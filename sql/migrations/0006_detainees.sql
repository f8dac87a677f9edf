-- People who are or were detained. Minors, and people whose name is withheld, are hidden: the public
-- sees a pseudonym, and an age group or a facility only if at least five accepted hidden people share
-- it.

-- Whether the public must not know a person's name.
CREATE FUNCTION is_hidden(age_group text, withheld boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN age_group = 'minor' OR withheld;

-- Whether this session shows a person by the pseudonym. Counts go by `is_hidden` alone.
CREATE FUNCTION is_unnamed(age_group text, withheld boolean) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN is_hidden($1, $2) OR names_are_off();

-- The key by which external ids are compared: without case, and without spaces, dots and hyphens
-- except between digits. There, dots and spaces that separate thousands are left out, and any other
-- separator becomes a hyphen. The same as `external_id_key` of api/matching/external_ids.py.
CREATE FUNCTION external_id_key(scheme text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{' || $1 || '}' || casefold(
        replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            translate(
                                $2,
                                U&' \00a0\202f.\00b7-\00ad\2010\2011\2012\2013\2014\2212',
                                '.....--------'
                            ) COLLATE pg_unicode_fast,
                            '(?<![\d.-])[.-]+|[.-]+(?![\d.-])', '', 'g'
                        ),
                        '\.*-[.-]*', '-', 'g'
                    ),
                    '\.+', '.', 'g'
                ),
                -- A dot with groups of three digits on its right, and such groups after a first
                -- one of one to three digits on its left.
                '(?<=(^|[^\d.])\d{1,3}(\.\d{3})*)\.(?=\d{3}(\.\d{3})*($|[^\d.]))', '', 'g'
            ),
            '.', '-'
        )
    );

CREATE FUNCTION external_id_keys(external_ids jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT DISTINCT external_id_key(e.id ->> 'scheme', e.id ->> 'value')
        FROM jsonb_array_elements($1) AS e (id)
    );

-- The keys by which the index has the external ids of a person: those of a hidden person are marked, so
-- that a query for the public reads none of them.
CREATE FUNCTION indexed_id_keys(external_ids jsonb, is_hidden boolean) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN $2 THEN ARRAY(SELECT '!' || k.id_key FROM unnest(external_id_keys($1)) AS k (id_key))
        ELSE external_id_keys($1)
    END;

-- The keys by which a caller finds the people with an external id.
CREATE FUNCTION known_id_keys(id_key text, sees_hidden boolean) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN $2 THEN ARRAY[$1, '!' || $1] ELSE ARRAY[$1] END;

-- The nationalities that the public knows: those of hidden people are never disclosed.
CREATE FUNCTION public_nationalities(age_group text, withheld boolean, nationalities text[])
    RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_hidden($1, $2) THEN '{}' ELSE $3 END;

-- The group by which a value of a hidden person is disclosed: their age group. '' for a named person.
CREATE FUNCTION hidden_group(age_group text, withheld boolean) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN is_hidden($1, $2) THEN $1 ELSE '' END;

CREATE TABLE detainees (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    sex text,
    birth_date date,
    age_group text NOT NULL,
    nationalities text[] NOT NULL DEFAULT '{}',
    occupation text,
    external_ids jsonb NOT NULL DEFAULT '[]',
    withheld boolean NOT NULL DEFAULT false,
    -- Whether a key of scope edit, or the operator, entered or accepted the person.
    -- Only such people count for the disclosure threshold, so that no other key can move it.
    accepted boolean NOT NULL DEFAULT false,
    -- The surviving record, if this one was merged as a duplicate.
    merged_into uuid CONSTRAINT detainee_was_merged_into_a_detainee REFERENCES detainees,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX hidden_people ON detainees (id) WHERE is_hidden(age_group, withheld);
CREATE INDEX detainees_by_age_group ON detainees (age_group);
CREATE INDEX accepted_hidden_people ON detainees (age_group)
    WHERE accepted AND is_hidden(age_group, withheld) AND merged_into IS NULL;
CREATE INDEX detainees_merged_into ON detainees (merged_into) WHERE merged_into IS NOT NULL;
-- Without fastupdate, because every search would scan the pending list: after an import of 10,000
-- people a look-up would take 0.6 ms instead of 0.05.
-- Not by the nationalities of hidden people: the time of a public count would tell whose they are.
CREATE INDEX detainees_by_nationality
    ON detainees USING gin (public_nationalities(age_group, withheld, nationalities))
    WITH (fastupdate = off);
CREATE INDEX detainees_by_external_id
    ON detainees USING gin (indexed_id_keys(external_ids, is_hidden(age_group, withheld)))
    WITH (fastupdate = off);

GRANT SELECT, INSERT, UPDATE, MAINTAIN ON detainees TO constancia_service;

-- The name by which the public knows a hidden person. Derived from the id, which is public: it
-- reveals nothing and never changes.
CREATE FUNCTION pseudonym(id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'Person ' || code_of($1);

-- The age group that the public may know of a person at a moment of record time.
CREATE FUNCTION disclosed_age_group(age_group text, withheld boolean, moment timestamptz)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT is_hidden($1, $2) OR EXISTS (
            SELECT FROM disclosed_groups c
            WHERE c.age_group = $1 AND c.facility_id IS NULL AND c.disclosed_from <= $3
        ) THEN $1
        ELSE 'unknown'
    END;

-- The properties of a person that the public may know at a moment of record time. The row may be the
-- present one or a recorded one.
CREATE FUNCTION disclosed_person(person detainees, moment timestamptz)
    RETURNS TABLE (nationalities text[], age_group text, sex text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        CASE WHEN is_hidden(($1).age_group, ($1).withheld) THEN '{}' ELSE ($1).nationalities END,
        disclosed_age_group(($1).age_group, ($1).withheld, $2),
        CASE WHEN NOT is_hidden(($1).age_group, ($1).withheld) THEN ($1).sex END;
END;

-- The people that a caller sees, without merged duplicates. The time of the last change of a hidden
-- person's record is redacted, too.
CREATE FUNCTION visible_detainees(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, is_named boolean, withheld boolean, aliases text[], sex text,
    birth_date date, age_group text, nationalities text[], occupation text, external_ids jsonb,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id,
        CASE WHEN h.hides THEN pseudonym(d.id) ELSE d.name END,
        NOT is_unnamed(d.age_group, d.withheld),
        CASE WHEN NOT h.hides THEN d.withheld END,
        CASE WHEN h.hides THEN '{}' ELSE d.aliases END,
        CASE WHEN NOT h.hides THEN d.sex END,
        CASE WHEN NOT h.hides THEN d.birth_date END,
        CASE
            WHEN h.hides THEN disclosed_age_group(d.age_group, d.withheld, 'infinity')
            ELSE d.age_group
        END,
        CASE WHEN h.hides THEN '{}' ELSE d.nationalities END,
        CASE WHEN NOT h.hides THEN d.occupation END,
        CASE WHEN h.hides THEN '[]' ELSE d.external_ids END,
        d.created_at,
        CASE WHEN h.hides THEN d.created_at ELSE d.updated_at END
    FROM detainees d
    CROSS JOIN LATERAL (
        SELECT is_unnamed(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h
    WHERE d.merged_into IS NULL;
END;
