-- Person statuses: how each person counts. Status rollups: the sums from which counts are read.

-- Bitemporal like verdicts.
CREATE TABLE person_statuses (
    detainee_id uuid NOT NULL CONSTRAINT person_status_is_of_a_detainee REFERENCES detainees,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    -- One letter for each number of independent sources that a reader may require, 1 to 5:
    -- C confirmed, A confirmed and detained again, D disputed, R reported, F refuted, U unverified.
    status_codes text NOT NULL CONSTRAINT person_status_has_a_code_for_each_required
        CHECK (status_codes ~ '^[CADRFU]{5}$'),
    -- The value of each property by which people are grouped: a list where it differs with the number
    -- of sources required (1 to 5), absent where it is unknown (api/verification/counting.py).
    groups jsonb NOT NULL,
    -- Whether it is not confirmed, but the status recorded before for its `published_from` was, for any
    -- number of sources required. By its index the search for a correction of 30,000 people takes 5 ms;
    -- a look at all that were recorded in its week took 400 ms.
    ends_confirmed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (detainee_id, published_from, recorded_from),
    CONSTRAINT person_status_is_superseded_after_it_was_recorded
        CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_person_status ON person_statuses (detainee_id, published_from)
    WHERE recorded_until = 'infinity';
CREATE INDEX person_statuses_by_moment ON person_statuses (published_from, recorded_until);
-- Those that were recorded or superseded in a period of record time.
CREATE INDEX person_statuses_by_record ON person_statuses (recorded_from);
CREATE INDEX person_statuses_superseded ON person_statuses (recorded_until)
    WHERE recorded_until < 'infinity';
CREATE INDEX person_statuses_that_end_confirmed ON person_statuses (recorded_from)
    WHERE ends_confirmed;

CREATE TRIGGER person_status_is_superseded_now BEFORE UPDATE OF recorded_until ON person_statuses
    FOR EACH ROW EXECUTE FUNCTION refuse_unless_superseded_now();
CREATE TRIGGER person_status_is_recorded_now AFTER INSERT ON person_statuses
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_recorded_now();

GRANT SELECT, INSERT, UPDATE (recorded_until), MAINTAIN ON person_statuses TO constancia_service;

-- The value of a property by which a person is grouped; null if it is unknown.
CREATE FUNCTION group_value(groups jsonb, property text, required integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(groups -> property)
        WHEN 'array' THEN groups -> property ->> (required - 1)
        ELSE groups ->> property
    END;

-- The current person statuses that begin after a moment, up to and including another one. Each has the
-- codes and groups of the status that it follows, null for a person's first.
CREATE FUNCTION status_changes(after timestamptz, until timestamptz) RETURNS TABLE (
    published_from timestamptz, status_codes text, groups jsonb, former_codes text,
    former_groups jsonb
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.published_from, s.status_codes, s.groups, f.status_codes, f.groups
    FROM person_statuses s
    LEFT JOIN LATERAL (
        SELECT o.status_codes, o.groups FROM person_statuses o
        WHERE o.detainee_id = s.detainee_id AND o.recorded_until = 'infinity'
            AND o.published_from < s.published_from
        ORDER BY o.published_from DESC
        LIMIT 1
    ) f ON true
    WHERE s.recorded_until = 'infinity' AND s.published_from > $1 AND s.published_from <= $2;
END;

-- The net change in the number of people of each status, in a bucket of publication time: of all
-- people, and of those with each value of each property. A bucket covers the time after its beginning,
-- up to and including its end. Its grain is total, year, month, day, 4 hours, hour, or quarter (of an
-- hour). A count at a moment is the total less the later changes: a few rows of each grain, and the
-- person statuses within a quarter of an hour. The work does not grow with the number of people.
CREATE TABLE status_rollups (
    -- '' for all people, else the property by which they are grouped. `value` is '' if unknown.
    property text NOT NULL,
    value text NOT NULL,
    grain text NOT NULL,
    bucket timestamptz NOT NULL,
    -- [required][n], for 1 to 5 independent sources required: confirmed, disputed, reported, refuted,
    -- unverified, and those of the confirmed who were detained again.
    people integer[] NOT NULL CONSTRAINT rollup_has_six_counts_for_each_required
        CHECK (array_dims(people) = '[1:5][1:6]'),
    PRIMARY KEY (property, grain, bucket, value)
) WITH (fillfactor = 80);

GRANT SELECT, INSERT, UPDATE ON status_rollups TO constancia_service;

-- The sum of the `people` of two rollups.
CREATE FUNCTION people_added(a integer[], b integer[]) RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[
        ARRAY[a[1][1] + b[1][1], a[1][2] + b[1][2], a[1][3] + b[1][3],
            a[1][4] + b[1][4], a[1][5] + b[1][5], a[1][6] + b[1][6]],
        ARRAY[a[2][1] + b[2][1], a[2][2] + b[2][2], a[2][3] + b[2][3],
            a[2][4] + b[2][4], a[2][5] + b[2][5], a[2][6] + b[2][6]],
        ARRAY[a[3][1] + b[3][1], a[3][2] + b[3][2], a[3][3] + b[3][3],
            a[3][4] + b[3][4], a[3][5] + b[3][5], a[3][6] + b[3][6]],
        ARRAY[a[4][1] + b[4][1], a[4][2] + b[4][2], a[4][3] + b[4][3],
            a[4][4] + b[4][4], a[4][5] + b[4][5], a[4][6] + b[4][6]],
        ARRAY[a[5][1] + b[5][1], a[5][2] + b[5][2], a[5][3] + b[5][3],
            a[5][4] + b[5][4], a[5][5] + b[5][5], a[5][6] + b[5][6]]
    ];
