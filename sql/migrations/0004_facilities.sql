-- Places of detention.
CREATE TABLE facilities (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    country text NOT NULL,
    region text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX facilities_of_country ON facilities (country, id);

GRANT SELECT, INSERT, UPDATE ON facilities TO constancia_service;

-- The keys of each facility's names, made as those of sources: only facilities that share a key can be
-- one.
CREATE TABLE facility_keys (
    key text NOT NULL,
    facility_id uuid NOT NULL CONSTRAINT facility_key_is_of_a_facility REFERENCES facilities,
    PRIMARY KEY (key, facility_id)
);

CREATE INDEX facility_keys_of_facility ON facility_keys (facility_id);

GRANT SELECT, INSERT, DELETE ON facility_keys TO constancia_service;
