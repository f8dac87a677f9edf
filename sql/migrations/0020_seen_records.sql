-- Every record as a caller sees it. Whatever leaves the service is read from here, so that nothing
-- can name whom it must not: a person who is hidden, or a confidential source, which speaks through
-- the organisation that vouches for it. When a hidden record was changed is hidden as well.

ALTER TABLE sources ADD COLUMN confidential boolean NOT NULL DEFAULT false;
ALTER TABLE sources ADD COLUMN vouched_by uuid
    CONSTRAINT vouching_source_exists REFERENCES sources;
ALTER TABLE sources ADD CONSTRAINT confidential_source_is_vouched_for_by_another
    CHECK (confidential = (vouched_by IS NOT NULL) AND vouched_by IS DISTINCT FROM id);

CREATE INDEX sources_vouched_for ON sources (vouched_by) WHERE vouched_by IS NOT NULL;

-- The source that is named: of a confidential one, who vouches for it.
CREATE FUNCTION seen_source_id(id uuid, sees_hidden boolean) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN $2 THEN $1
        ELSE coalesce((SELECT s.vouched_by FROM sources s WHERE s.id = $1), $1)
    END;

-- The sources that are named so: whose words are found when one asks for those of a source.
CREATE FUNCTION sources_seen_as(id uuid, sees_hidden boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.id FROM sources s WHERE s.id = $1 AND ($2 OR NOT s.confidential)
    UNION ALL
    SELECT s.id FROM sources s WHERE s.vouched_by = $1 AND NOT $2;
END;

-- The same, of what a claim relays: [{claim_id, source_id}].
CREATE FUNCTION seen_relays(relays jsonb, sees_hidden boolean) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN $2 OR NOT $1 @? '$[*].source_id ? (@ != null)' THEN $1
        ELSE (
            SELECT jsonb_agg(s.relay ORDER BY s.place)
            FROM (
                -- Once each: how many of one organisation are relayed is not seen.
                SELECT v.relay, min(r.place) AS place
                FROM jsonb_array_elements($1) WITH ORDINALITY AS r (relay, place)
                CROSS JOIN LATERAL (
                    SELECT jsonb_set(
                        r.relay, '{source_id}',
                        coalesce(
                            to_jsonb(seen_source_id((r.relay ->> 'source_id')::uuid, false)),
                            'null'
                        )
                    ) AS relay
                ) v
                GROUP BY v.relay
            ) s
        )
    END;

CREATE FUNCTION seen_detainees(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, is_named boolean, withheld boolean, aliases text[], sex text,
    birth_date date, age_group text, nationalities text[], occupation text, external_ids jsonb,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id,
        CASE WHEN h.hides THEN pseudonym(d.id) ELSE d.name END,
        NOT is_hidden(d.age_group, d.withheld),
        CASE WHEN NOT h.hides THEN d.withheld END,
        CASE WHEN h.hides THEN '{}' ELSE d.aliases END,
        CASE WHEN NOT h.hides THEN d.sex END,
        CASE WHEN NOT h.hides THEN d.birth_date END,
        CASE
            WHEN h.hides THEN told_age_group(d.age_group, d.withheld, 'infinity')
            ELSE d.age_group
        END,
        CASE WHEN h.hides THEN '{}' ELSE d.nationalities END,
        CASE WHEN NOT h.hides THEN d.occupation END,
        CASE WHEN h.hides THEN '[]' ELSE d.external_ids END,
        d.created_at,
        CASE WHEN h.hides THEN d.created_at ELSE d.updated_at END
    FROM detainees d
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h;
END;

CREATE FUNCTION seen_detentions(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, facility_id uuid, detained_on text, authority text, charges text,
    whereabouts text, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.id, t.detainee_id,
        CASE
            WHEN h.hides THEN told_facility(d.age_group, d.withheld, t.facility_id, 'infinity')
            ELSE t.facility_id
        END,
        CASE WHEN NOT h.hides THEN t.detained_on END,
        CASE WHEN NOT h.hides THEN t.authority END,
        CASE WHEN NOT h.hides THEN t.charges END,
        t.whereabouts, t.created_at,
        CASE WHEN h.hides THEN t.created_at ELSE t.updated_at END
    FROM detentions t
    JOIN detainees d ON d.id = t.detainee_id
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h;
END;

CREATE FUNCTION seen_release_events(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on,
        CASE WHEN NOT h.hides THEN e.place END,
        e.announcement_id, e.created_at,
        CASE WHEN h.hides THEN e.created_at ELSE e.updated_at END
    FROM release_events e
    JOIN detainees d ON d.id = e.detainee_id
    CROSS JOIN LATERAL (
        SELECT is_hidden(d.age_group, d.withheld) AND NOT $1 AS hides
    ) h;
END;

-- What a source published of a hidden person, and all that leads to a confidential source, names
-- them too. That a word was voided, and when, is seen.
CREATE FUNCTION seen_attestations(sees_hidden boolean) RETURNS TABLE (
    id uuid, release_event_id uuid, source_id uuid, is_confidential boolean, stance text,
    basis text, release_kind text, denial_reason text, evidence text, published_at timestamptz,
    url text, archived_url text, content_sha256 text, language text, note text,
    retracted_at timestamptz, retraction_note text, voided_at timestamptz, void_reason text,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.id, a.release_event_id,
        CASE WHEN $1 THEN a.source_id ELSE coalesce(s.vouched_by, a.source_id) END,
        s.confidential, a.stance, a.basis, a.release_kind, a.denial_reason, a.evidence,
        a.published_at,
        CASE WHEN NOT h.hides THEN a.url END,
        CASE WHEN NOT h.hides THEN a.archived_url END,
        CASE WHEN NOT h.hides THEN a.content_sha256 END,
        CASE WHEN NOT h.hides THEN a.language END,
        CASE WHEN NOT h.hides THEN a.note END,
        a.retracted_at,
        CASE WHEN NOT h.hides THEN a.retraction_note END,
        a.voided_at,
        CASE WHEN NOT h.hides THEN a.void_reason END,
        a.created_at, a.updated_at
    FROM attestations a
    JOIN sources s ON s.id = a.source_id
    JOIN release_events e ON e.id = a.release_event_id
    JOIN detainees d ON d.id = e.detainee_id
    CROSS JOIN LATERAL (
        SELECT (s.confidential OR is_hidden(d.age_group, d.withheld)) AND NOT $1 AS hides
    ) h;
END;

-- The public does not see a confidential source at all: to see that there is one, and no word of
-- it, would tell how many an organisation has.
CREATE FUNCTION seen_sources(sees_hidden boolean) RETURNS TABLE (
    id uuid, name text, kind text, country text, url text, confidential boolean, vouched_by uuid,
    created_at timestamptz, updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.id, s.name, s.kind, s.country, s.url, s.confidential, s.vouched_by, s.created_at,
        s.updated_at
    FROM sources s
    WHERE $1 OR NOT s.confidential;
END;

-- A claim as it is given, of the record as it stands or as it had it.
CREATE FUNCTION seen_claim(claim claims, sees_hidden boolean) RETURNS TABLE (
    id uuid, source_id uuid, is_confidential boolean, kind text, value integer, qualifier text,
    as_of timestamptz, published_at timestamptz, window_start date, facility_id uuid,
    age_group text, nationality text, announcement_id uuid, relays jsonb, origins jsonb, url text,
    note text, retracted_at timestamptz, retraction_note text, created_at timestamptz,
    updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT ($1).id,
        CASE WHEN $2 THEN s.id ELSE coalesce(s.vouched_by, s.id) END,
        s.confidential, ($1).kind, ($1).value, ($1).qualifier, ($1).as_of, ($1).published_at,
        ($1).window_start, ($1).facility_id, ($1).age_group, ($1).nationality,
        ($1).announcement_id, seen_relays(($1).relays, $2), seen_relays(($1).origins, $2),
        CASE WHEN $2 OR NOT s.confidential THEN ($1).url END,
        CASE WHEN $2 OR NOT s.confidential THEN ($1).note END,
        ($1).retracted_at,
        CASE WHEN $2 OR NOT s.confidential THEN ($1).retraction_note END,
        ($1).created_at, ($1).updated_at
    FROM (
        -- OFFSET 0: each is looked up, so that a list of claims keeps its order.
        SELECT o.id, o.confidential, o.vouched_by FROM sources o WHERE o.id = ($1).source_id OFFSET 0
    ) s;
END;
