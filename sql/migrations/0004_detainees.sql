CREATE TABLE detainees (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    name text NOT NULL,
    aliases text[] NOT NULL DEFAULT '{}',
    sex text,
    birth_date date,
    age_group text NOT NULL,
    nationalities text[] NOT NULL DEFAULT '{}',
    occupation text,
    external_ids jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The words of a person's name and aliases, without accents and case: one row for each word, so
-- that a search walks an index in the order of the list and sorts nothing.
CREATE TABLE detainee_words (
    word text NOT NULL,
    detainee_id uuid NOT NULL CONSTRAINT word_names_a_detainee REFERENCES detainees,
    PRIMARY KEY (word, detainee_id)
);

CREATE INDEX detainee_words_of_detainee ON detainee_words (detainee_id);

CREATE TABLE detentions (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    detainee_id uuid NOT NULL CONSTRAINT detention_detainee_exists REFERENCES detainees,
    facility_id uuid CONSTRAINT detention_facility_exists REFERENCES facilities,
    detained_on text,
    -- The first day on which it can have begun: puts a person's detentions in order, also those
    -- of which only the month, the year or nothing is known.
    began_on date NOT NULL,
    authority text,
    charges text,
    whereabouts text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, detainee_id)
);

CREATE INDEX detentions_of_detainee ON detentions (detainee_id, id);
CREATE INDEX detentions_at_facility ON detentions (facility_id);
