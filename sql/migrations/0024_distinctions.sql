-- That two records are of two people, whatever they share: judged once, and not asked again.
CREATE TABLE distinctions (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    detainee_id uuid NOT NULL CONSTRAINT distinction_is_of_a_detainee REFERENCES detainees,
    distinct_from_id uuid NOT NULL CONSTRAINT distinction_is_from_a_detainee REFERENCES detainees,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz,
    CONSTRAINT distinction_is_of_two_people CHECK (detainee_id <> distinct_from_id)
);

-- Whichever of the two is named first.
CREATE UNIQUE INDEX one_distinction_of_two_people
    ON distinctions (least(detainee_id, distinct_from_id), greatest(detainee_id, distinct_from_id))
    WHERE withdrawn_at IS NULL;
CREATE INDEX distinctions_of_detainee ON distinctions (detainee_id);
