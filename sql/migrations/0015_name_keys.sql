-- Name keys: the index by which people are searched and matched (api/matching).

-- The name keys (blocking keys) of each person: only records that share a key are compared. `hidden` is
-- part of the primary key, so that results for the public do not depend on hidden people. By the birth
-- date, people of a very common name can be selected by day or year of birth.
CREATE TABLE name_keys (
    name_key text NOT NULL,
    hidden boolean NOT NULL,
    birth_date date NOT NULL, -- -infinity if unknown
    detainee_id uuid NOT NULL CONSTRAINT name_key_is_of_a_detainee REFERENCES detainees,
    PRIMARY KEY (name_key, hidden, detainee_id) INCLUDE (birth_date)
);

CREATE INDEX name_keys_by_birth_date ON name_keys (name_key, hidden, birth_date, detainee_id)
    WHERE birth_date > '-infinity';

CREATE INDEX name_keys_of_detainee ON name_keys (detainee_id);

GRANT SELECT, INSERT, DELETE ON name_keys TO constancia_service;

-- Some of the people with a name key: the first in the order of ids, at most `max_people`.
CREATE FUNCTION people_with_name_key(name_key text, hidden boolean, max_people integer)
    RETURNS TABLE (detainee_id uuid, birth_date date)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT k.detainee_id, k.birth_date FROM name_keys k
    WHERE k.name_key = $1 AND k.hidden = $2
    ORDER BY k.detainee_id
    LIMIT $3;
END;

-- The words of people's names, each with the variants that result from deleting one or two letters.
-- Similar words have a variant in common (symmetric delete, api/matching/phonetics.py). There is no
-- unique index, so that two transactions that insert the same new word do not wait for each other; a
-- duplicate row is harmless.
CREATE TABLE name_word_variants (
    variant text NOT NULL,
    hidden boolean NOT NULL,
    word text NOT NULL
);

CREATE INDEX name_word_variants_by_variant ON name_word_variants (variant, hidden, word);

GRANT SELECT, INSERT ON name_word_variants TO constancia_service;

-- The SHA-256 of the rules that made the keys of people's names (api/matching), of sources and of
-- facilities (api/identity/name_similarity.py). When the rules change, `constancia migrate` makes the
-- keys again.
CREATE TABLE key_versions (
    resource text PRIMARY KEY
        CONSTRAINT key_version_is_of_a_resource_with_keys
        CHECK (resource IN ('detainee', 'source', 'facility')),
    sha256 bytea NOT NULL
);

GRANT SELECT ON key_versions TO constancia_service;
