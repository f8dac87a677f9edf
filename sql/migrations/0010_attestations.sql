-- Attestations: one source's publications about one release event.

CREATE TABLE attestations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
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
    -- The order of recording. If a source published two attestations at one moment, the one recorded
    -- later is its latest.
    recorded_order bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT retracted_after_it_was_published CHECK (published_at <= retracted_at),
    UNIQUE (id, release_event_id, stance)
);

CREATE INDEX attestations_of_release_event ON attestations (release_event_id, id);
CREATE INDEX attestations_of_source ON attestations (source_id, id);
CREATE UNIQUE INDEX attestations_as_recorded ON attestations (release_event_id, recorded_order);

-- Trigger function: a release event has at most 2,000 attestations that are not voided, since the rule
-- reads all of them for each new one. The lock of the person keeps others from adding any meanwhile.
CREATE FUNCTION refuse_too_many_attestations() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM attestations a
        WHERE a.release_event_id = new.release_event_id AND a.voided_at IS NULL
        OFFSET 2000
    ) THEN
        RAISE EXCEPTION 'Release event % has 2,000 attestations', new.release_event_id
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NULL;
END;
$$;

CREATE CONSTRAINT TRIGGER release_event_has_at_most_2000_attestations AFTER INSERT ON attestations
    FOR EACH ROW EXECUTE FUNCTION refuse_too_many_attestations();

CREATE TRIGGER retraction_is_final BEFORE UPDATE OF retracted_at, retraction_note ON attestations
    FOR EACH ROW WHEN (
        old.retracted_at IS NOT NULL
        AND (old.retracted_at, old.retraction_note)
            IS DISTINCT FROM (new.retracted_at, new.retraction_note)
    )
    EXECUTE FUNCTION refuse_change('The retraction');

CREATE TRIGGER voiding_is_final BEFORE UPDATE OF voided_at, void_reason ON attestations
    FOR EACH ROW WHEN (
        old.voided_at IS NOT NULL
        AND (old.voided_at, old.void_reason) IS DISTINCT FROM (new.voided_at, new.void_reason)
    )
    EXECUTE FUNCTION refuse_change('The voiding');

-- An attestation may be retracted, voided, and moved to another release event by a merge.
GRANT SELECT, INSERT, MAINTAIN, UPDATE (
    retracted_at, retraction_note, voided_at, void_reason, release_event_id, updated_at
) ON attestations TO constancia_service;

-- The relays of an attestation: each is another attestation of the same event and stance, or a source.
CREATE TABLE attestation_relays (
    attestation_id uuid NOT NULL,
    -- Null if the undo of a merge has divided the relays of a voided attestation between two events.
    -- No verdict depends on it.
    release_event_id uuid,
    stance text NOT NULL,
    relayed_attestation_id uuid,
    relayed_source_id uuid CONSTRAINT relayed_source_exists REFERENCES sources,
    CONSTRAINT relay_by_an_attestation_of_the_event
        FOREIGN KEY (attestation_id, release_event_id, stance)
        REFERENCES attestations (id, release_event_id, stance),
    CONSTRAINT relayed_attestation_of_the_same_event_and_stance
        FOREIGN KEY (relayed_attestation_id, release_event_id, stance)
        REFERENCES attestations (id, release_event_id, stance),
    CONSTRAINT relays_an_attestation_or_a_source
        CHECK (num_nonnulls(relayed_attestation_id, relayed_source_id) = 1),
    UNIQUE NULLS NOT DISTINCT (attestation_id, relayed_attestation_id, relayed_source_id)
);

CREATE INDEX attestation_relays_of_source ON attestation_relays (relayed_source_id)
    WHERE relayed_source_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE (release_event_id), MAINTAIN ON attestation_relays
TO constancia_service;

-- The ledger's entry of an attestation: its row with what it relays.
CREATE FUNCTION attestation_entry(attestation attestations) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_jsonb($1) || jsonb_build_object('relays', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'attestation_id', l.relayed_attestation_id,
            'source_id', l.relayed_source_id
        ) ORDER BY l.relayed_attestation_id, l.relayed_source_id), '[]')
        FROM attestation_relays l WHERE l.attestation_id = ($1).id
    ));

-- The attestations as a caller sees them. The texts and links of an attestation are redacted if its
-- person is hidden, and with the evidence if its source is confidential. The time of its voiding is
-- visible. The attestations of a voided release event are void with it.
CREATE FUNCTION visible_attestations(sees_hidden boolean) RETURNS TABLE (
    id uuid, release_event_id uuid, source_id uuid, is_confidential boolean, stance text,
    basis text, release_kind text, denial_reason text, evidence text, published_at timestamptz,
    url text, archived_url text, content_sha256 text, language text, note text,
    retracted_at timestamptz, retraction_note text, voided_at timestamptz, void_reason text,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.id, a.release_event_id,
        CASE
            WHEN $1 OR s.vouched_by IS NULL THEN coalesce(s.merged_into, s.id)
            ELSE surviving_source_id(s.vouched_by, NULL)
        END,
        s.confidential, a.stance, a.basis, a.release_kind, a.denial_reason,
        CASE WHEN $1 OR NOT s.confidential THEN a.evidence END,
        a.published_at,
        CASE WHEN NOT h.hides THEN a.url END,
        CASE WHEN NOT h.hides THEN a.archived_url END,
        CASE WHEN NOT h.hides THEN a.content_sha256 END,
        CASE WHEN NOT h.hides THEN a.language END,
        CASE WHEN NOT h.hides THEN a.note END,
        a.retracted_at,
        CASE WHEN NOT h.hides THEN a.retraction_note END,
        coalesce(a.voided_at, e.voided_at),
        CASE
            WHEN h.hides THEN NULL
            WHEN a.voided_at IS NULL THEN e.void_reason
            ELSE a.void_reason
        END,
        a.created_at, a.updated_at
    FROM attestations a
    JOIN sources s ON s.id = a.source_id
    JOIN release_events e ON e.id = a.release_event_id
    JOIN detainees d ON d.id = e.detainee_id
    CROSS JOIN LATERAL (
        SELECT (s.confidential OR is_unnamed(d.age_group, d.withheld)) AND NOT $1 AS hides
    ) h;
END;
