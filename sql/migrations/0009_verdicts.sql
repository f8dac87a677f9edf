-- What the rule says of an event, along both clocks: the row holds for publication times from
-- `published_from` until the event's next row, in the record from `recorded_from` until
-- `recorded_until`. A row is never changed but for its `recorded_until`.
CREATE TABLE verdicts (
    release_event_id uuid NOT NULL
        CONSTRAINT verdict_is_of_a_release_event REFERENCES release_events,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    independent_sources integer NOT NULL,
    independent_denials integer NOT NULL,
    -- The status with the usual two required, and since when it holds.
    status text NOT NULL,
    since timestamptz NOT NULL,
    -- Independent sources for each kind of release that is asserted.
    kinds jsonb NOT NULL,
    -- proof, denial_proof, rests_on: of source and attestation ids, without names.
    reasoning jsonb NOT NULL,
    PRIMARY KEY (release_event_id, published_from, recorded_from),
    CONSTRAINT verdict_holds_for_a_while CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_verdict ON verdicts (release_event_id, published_from)
    WHERE recorded_until = 'infinity';

-- Why an attestation adds nothing to the verdict, along both clocks like `verdicts`; null from
-- where on it is counted. A row for each change: a list in every verdict would grow with the square
-- of an event's attestations, and with every late entry again.
CREATE TABLE not_counted (
    release_event_id uuid NOT NULL
        CONSTRAINT reason_is_of_a_release_event REFERENCES release_events,
    attestation_id uuid NOT NULL
        CONSTRAINT reason_is_of_an_attestation REFERENCES attestations,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    reason text,
    PRIMARY KEY (release_event_id, attestation_id, published_from, recorded_from),
    CONSTRAINT reason_holds_for_a_while CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_reason
    ON not_counted (release_event_id, attestation_id, published_from)
    WHERE recorded_until = 'infinity';

-- api/verification.py: status() in SQL, for counts with another number of sources required.
CREATE FUNCTION verification_status(
    independent_sources integer, independent_denials integer, required integer
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN independent_sources - independent_denials >= required THEN 'confirmed'
        WHEN independent_denials - independent_sources >= required THEN 'refuted'
        WHEN independent_denials >= 1 THEN 'disputed'
        WHEN independent_sources >= 1 THEN 'reported'
        ELSE 'unverified'
    END;

-- The summary that an event carries: of its rows here the one that was published last, with the
-- usual two required; an event without any is nothing_attested().
CREATE VIEW verification_summaries AS
SELECT v.release_event_id, v.published_from, row_to_json(s) AS verification
FROM verdicts v
CROSS JOIN LATERAL (
    SELECT v.status, v.independent_sources, v.independent_denials, rfc3339(v.since) AS since
) s
WHERE v.recorded_until = 'infinity' AND v.published_from <= now();

CREATE FUNCTION nothing_attested() RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '{"status":"unverified","independent_sources":0,"independent_denials":0,"since":null}'::json;
