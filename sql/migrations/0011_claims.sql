-- A source's aggregate figure: it names nobody, and is never an attestation. Never edited but for
-- its retraction, so what it relays, and where the figure began, are kept as they were entered.
CREATE TABLE claims (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    source_id uuid NOT NULL CONSTRAINT claim_source_exists REFERENCES sources,
    kind text NOT NULL,
    value integer,
    qualifier text NOT NULL,
    as_of timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    window_start date,
    facility_id uuid CONSTRAINT claim_facility_exists REFERENCES facilities,
    age_group text,
    nationality text,
    announcement_id uuid CONSTRAINT claim_announcement_exists REFERENCES claims,
    -- [{claim_id, source_id}], one of the two null.
    relays jsonb NOT NULL,
    origins jsonb NOT NULL,
    url text,
    note text,
    retracted_at timestamptz,
    retraction_note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT claim_retracted_after_it_was_published CHECK (published_at <= retracted_at)
);

CREATE INDEX claims_of_kind ON claims (kind, id);
CREATE INDEX claims_of_source ON claims (source_id, id);
CREATE INDEX claims_of_announcement ON claims (announcement_id, id);
CREATE INDEX claims_by_moment ON claims (kind, as_of, id);
CREATE INDEX claims_of_facility ON claims (facility_id, kind, as_of, id)
    WHERE facility_id IS NOT NULL;
CREATE INDEX claims_of_nationality ON claims (nationality, kind, as_of, id)
    WHERE nationality IS NOT NULL;
CREATE INDEX claims_of_age_group ON claims (age_group, kind, as_of, id)
    WHERE age_group IS NOT NULL;

ALTER TABLE release_events ADD COLUMN announcement_id uuid
    CONSTRAINT release_event_announcement_exists REFERENCES claims;
CREATE INDEX release_events_of_announcement ON release_events (announcement_id);
