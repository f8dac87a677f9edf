-- What the public may know of hidden people: minors, and people whose name is withheld. Such a person
-- has a pseudonym, and shows an age group or a facility only if at least five people share it.

-- An age group, or an age group at a facility (facility_id), that at least five people share. From
-- `disclosed_from` of record time on the public may know which hidden people belong to it. A group
-- stays disclosed: a published response cannot be taken back.
CREATE TABLE disclosed_groups (
    age_group text NOT NULL,
    facility_id uuid CONSTRAINT disclosed_group_facility_exists REFERENCES facilities,
    disclosed_from timestamptz NOT NULL,
    CONSTRAINT one_disclosed_group UNIQUE NULLS NOT DISTINCT (age_group, facility_id)
);

GRANT SELECT, INSERT, UPDATE (disclosed_from) ON disclosed_groups TO constancia_service;

-- How many people must share a group before it is disclosed.
CREATE FUNCTION disclosure_threshold() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 5;

-- Whether the public must not know a person's name.
CREATE FUNCTION is_hidden(age_group text, withheld boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN age_group = 'minor' OR withheld;

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

-- The name by which the public knows a hidden person. Derived from the id, which is public: it
-- reveals nothing and never changes.
CREATE FUNCTION pseudonym(id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT 'Person ' || string_agg(
            substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', get_byte(h.bytes, i.n) % 32 + 1, 1), ''
            ORDER BY i.n
        )
        FROM (SELECT sha256(uuid_send($1)) AS bytes) h, generate_series(0, 5) AS i (n)
    );
