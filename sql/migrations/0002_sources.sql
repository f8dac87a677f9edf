CREATE TABLE sources (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    kind text NOT NULL,
    country text,
    url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE affiliations (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    source_id uuid NOT NULL CONSTRAINT affiliation_source_exists REFERENCES sources,
    with_source_id uuid NOT NULL CONSTRAINT affiliation_with_source_exists REFERENCES sources,
    relation text NOT NULL,
    valid_from timestamptz,
    valid_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT affiliation_ends_after_it_begins CHECK (valid_from < valid_until),
    CONSTRAINT affiliation_ties_two_sources CHECK (source_id <> with_source_id)
);

CREATE INDEX affiliations_of_source ON affiliations (source_id);
CREATE INDEX affiliations_with_source ON affiliations (with_source_id);
