CREATE TABLE attestations (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    release_event_id uuid NOT NULL
        CONSTRAINT attestation_release_event_exists REFERENCES release_events,
    source_id uuid NOT NULL CONSTRAINT attestation_source_exists REFERENCES sources,
    stance text NOT NULL CONSTRAINT attestation_confirms_or_denies
        CHECK (stance IN ('confirms', 'denies')),
    basis text NOT NULL CONSTRAINT attestation_has_a_known_basis
        CHECK (basis IN ('first_hand', 'relayed', 'unattributed')),
    release_kind text NOT NULL,
    denial_reason text,
    evidence text NOT NULL,
    published_at timestamptz NOT NULL,
    url text,
    archived_url text,
    content_sha256 text,
    language text,
    note text,
    retracted_at timestamptz,
    retraction_note text,
    voided_at timestamptz,
    void_reason text,
    -- Of two words that a source published at one moment, the one recorded later is its latest.
    recorded_order bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT retracted_after_it_was_published CHECK (published_at <= retracted_at),
    UNIQUE (id, release_event_id, stance)
);

CREATE INDEX attestations_of_release_event ON attestations (release_event_id, id);
CREATE INDEX attestations_of_source ON attestations (source_id, id);

-- What an attestation passes on: another attestation of the same event and stance, or a source.
CREATE TABLE relays (
    attestation_id uuid NOT NULL,
    release_event_id uuid NOT NULL,
    stance text NOT NULL,
    relayed_attestation_id uuid,
    relayed_source_id uuid CONSTRAINT relayed_source_exists REFERENCES sources,
    CONSTRAINT relay_by_an_attestation_of_the_event
        FOREIGN KEY (attestation_id, release_event_id, stance)
        REFERENCES attestations (id, release_event_id, stance),
    CONSTRAINT relayed_attestation_of_the_same_event_and_stance
        FOREIGN KEY (relayed_attestation_id, release_event_id, stance)
        REFERENCES attestations (id, release_event_id, stance),
    CONSTRAINT relays_one_thing CHECK (num_nonnulls(relayed_attestation_id, relayed_source_id) = 1),
    UNIQUE NULLS NOT DISTINCT (attestation_id, relayed_attestation_id, relayed_source_id)
);

CREATE INDEX relays_of_source ON relays (relayed_source_id) WHERE relayed_source_id IS NOT NULL;
