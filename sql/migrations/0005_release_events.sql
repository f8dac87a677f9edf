CREATE TABLE release_events (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    detainee_id uuid NOT NULL CONSTRAINT release_event_detainee_exists REFERENCES detainees,
    detention_id uuid NOT NULL,
    occurred_on date NOT NULL,
    place text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT release_event_ends_a_detention_of_the_detainee
        FOREIGN KEY (detention_id, detainee_id) REFERENCES detentions (id, detainee_id),
    -- Claims that name days further apart than three are two events.
    CONSTRAINT one_release_event_within_three_days
        EXCLUDE USING gist (
            detention_id WITH =, daterange(occurred_on, occurred_on + 3, '[]') WITH &&
        )
);

CREATE INDEX release_events_of_detainee ON release_events (detainee_id, id);
CREATE INDEX release_events_by_day ON release_events (occurred_on);
