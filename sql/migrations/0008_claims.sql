-- Claims: aggregate figures that a source published, and announcements. A claim names nobody and is
-- never an attestation. Only its retraction and its voiding change it, so relays and origins are stored
-- as entered.
CREATE TABLE claims (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
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
    -- Entered by mistake: no answer depends on it. Null again once the voiding is undone.
    voided_at timestamptz,
    void_reason text,
    -- The order in which claims were recorded, in which they are exported: a relayed claim comes
    -- before the claim that relays it.
    recorded_order bigint GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT claim_retracted_after_it_was_published CHECK (published_at <= retracted_at)
);

-- Finds the claims that relay a claim.
CREATE INDEX claims_by_relay ON claims USING gin (relays jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX claims_of_kind ON claims (kind, id);
CREATE INDEX claims_of_source ON claims (source_id, id);
CREATE INDEX claims_by_publication ON claims (source_id, published_at DESC, id);
CREATE INDEX claims_of_announcement ON claims (announcement_id, id);
CREATE INDEX claims_by_moment ON claims (kind, as_of, id);
CREATE INDEX claims_of_facility ON claims (facility_id, kind, as_of, id)
    WHERE facility_id IS NOT NULL;
CREATE INDEX claims_of_nationality ON claims (nationality, kind, as_of, id)
    WHERE nationality IS NOT NULL;
CREATE INDEX claims_of_age_group ON claims (age_group, kind, as_of, id)
    WHERE age_group IS NOT NULL;
CREATE UNIQUE INDEX claims_as_recorded ON claims (recorded_order);

CREATE TRIGGER retraction_is_final BEFORE UPDATE OF retracted_at, retraction_note ON claims
    FOR EACH ROW WHEN (
        old.retracted_at IS NOT NULL
        AND (old.retracted_at, old.retraction_note)
            IS DISTINCT FROM (new.retracted_at, new.retraction_note)
    )
    EXECUTE FUNCTION refuse_change('The retraction');

GRANT SELECT, INSERT,
UPDATE (retracted_at, retraction_note, voided_at, void_reason, updated_at) ON claims
TO constancia_service;

-- A claim as a caller sees it. The row may be the present one or that of a moment of record time.
CREATE FUNCTION visible_claim(claim claims, sees_hidden boolean, moment timestamptz) RETURNS TABLE (
    id uuid, source_id uuid, is_confidential boolean, kind text, value integer, qualifier text,
    as_of timestamptz, published_at timestamptz, window_start date, facility_id uuid,
    age_group text, nationality text, announcement_id uuid, relays jsonb, origins jsonb, url text,
    note text, retracted_at timestamptz, retraction_note text, voided_at timestamptz,
    void_reason text, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ($1).id,
        CASE
            WHEN $3 IS NULL AND ($2 OR NOT s.confidential) THEN coalesce(s.merged_into, s.id)
            ELSE visible_source_id(s.id, $2, $3)
        END,
        s.confidential, ($1).kind, ($1).value, ($1).qualifier, ($1).as_of, ($1).published_at,
        ($1).window_start, ($1).facility_id, ($1).age_group, ($1).nationality,
        ($1).announcement_id, visible_relays(($1).relays, $2, $3),
        visible_relays(($1).origins, $2, $3),
        CASE WHEN NOT s.hides THEN ($1).url END,
        CASE WHEN NOT s.hides THEN ($1).note END,
        ($1).retracted_at,
        CASE WHEN NOT s.hides THEN ($1).retraction_note END,
        ($1).voided_at,
        CASE WHEN NOT s.hides THEN ($1).void_reason END,
        ($1).created_at, ($1).updated_at
    FROM (
        -- OFFSET 0 makes this a look-up for each claim, so that a list of claims keeps its index order.
        -- A text about a figure may name people.
        SELECT o.id, o.confidential, o.merged_into, (o.confidential OR names_are_off()) AND NOT $2 AS hides
        FROM sources o WHERE o.id = ($1).source_id OFFSET 0
    ) s;
END;
