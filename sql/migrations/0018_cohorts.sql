-- Who must not be named: minors, and people who are withheld. The public knows such a person by a
-- pseudonym, and of what they share with others only what at least five people share.

ALTER TABLE detainees ADD COLUMN withheld boolean NOT NULL DEFAULT false;

CREATE INDEX hidden_people ON detainees (id) WHERE age_group = 'minor' OR withheld;
CREATE INDEX detainees_by_age_group ON detainees (age_group);

-- An age group, and an age group at a facility, once five people were recorded who share it; from
-- `told_from` of the record on the public may know who of them is in it. It stays told: what was
-- answered cannot be taken back.
CREATE TABLE cohorts (
    age_group text NOT NULL,
    facility_id uuid CONSTRAINT cohort_facility_exists REFERENCES facilities,
    told_from timestamptz NOT NULL,
    CONSTRAINT one_cohort UNIQUE NULLS NOT DISTINCT (age_group, facility_id)
);

INSERT INTO cohorts
SELECT d.age_group, NULL, '-infinity' FROM detainees d
GROUP BY d.age_group HAVING count(*) >= 5;

INSERT INTO cohorts
SELECT d.age_group, t.facility_id, '-infinity'
FROM detainees d JOIN detentions t ON t.detainee_id = d.id
WHERE t.facility_id IS NOT NULL
GROUP BY d.age_group, t.facility_id HAVING count(DISTINCT d.id) >= 5;

-- What the record had before there was `withheld` is null there.
CREATE FUNCTION is_hidden(age_group text, withheld boolean) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN age_group = 'minor' OR coalesce(withheld, false);

-- Made from the id, which is public: it tells nothing, and stays the same.
CREATE FUNCTION pseudonym(id uuid) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT 'Person ' || string_agg(
            substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', get_byte(h.bytes, i.n) % 32 + 1, 1), ''
            ORDER BY i.n
        )
        FROM (SELECT sha256(uuid_send($1)) AS bytes) h, generate_series(0, 5) AS i (n)
    );

-- What the public may know at a moment of the record of a person's age group and facility.
CREATE FUNCTION told_age_group(age_group text, withheld boolean, moment timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT is_hidden($1, $2) OR EXISTS (
            SELECT FROM cohorts c
            WHERE c.age_group = $1 AND c.facility_id IS NULL AND c.told_from <= $3
        ) THEN $1
        ELSE 'unknown'
    END;

CREATE FUNCTION told_facility(
    age_group text, withheld boolean, facility_id uuid, moment timestamptz
) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN NOT is_hidden($1, $2) OR EXISTS (
            SELECT FROM cohorts c
            WHERE c.age_group = $1 AND c.facility_id = $3 AND c.told_from <= $4
        ) THEN $3
    END;

-- What the public may know at a moment of the record of a person as the record had them.
CREATE FUNCTION told_person(person detainees, moment timestamptz)
    RETURNS TABLE (nationalities text[], age_group text, sex text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        CASE WHEN is_hidden(($1).age_group, ($1).withheld) THEN '{}' ELSE ($1).nationalities END,
        told_age_group(($1).age_group, ($1).withheld, $2),
        CASE WHEN NOT is_hidden(($1).age_group, ($1).withheld) THEN ($1).sex END;
END;

-- The cohorts of these people, and of those of these detentions, that five people share and that
-- are not told yet.
CREATE FUNCTION ripe_cohorts(detainee_ids uuid[], detention_ids uuid[])
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
        UNION
        SELECT d.age_group, t.facility_id
        FROM people p JOIN detainees d ON d.id = p.id JOIN detentions t ON t.detainee_id = d.id
        WHERE t.facility_id IS NOT NULL
    )
    SELECT o.age_group, o.facility_id
    FROM own o
    WHERE NOT EXISTS (
        SELECT FROM cohorts c
        WHERE c.age_group = o.age_group AND c.facility_id IS NOT DISTINCT FROM o.facility_id
    ) AND 5 <= (
        SELECT count(*) FROM (
            SELECT d.id FROM detainees d
            WHERE o.facility_id IS NULL AND d.age_group = o.age_group
            UNION
            SELECT t.detainee_id
            FROM detentions t JOIN detainees d ON d.id = t.detainee_id
            WHERE t.facility_id = o.facility_id AND d.age_group = o.age_group
            LIMIT 5
        ) shared
    );
END;
