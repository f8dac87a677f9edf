-- What people are grouped by when they are counted, and counts in constant time for each group.

-- A row as the record had it at a moment; none for what was not recorded yet.
DROP FUNCTION recorded_release_event, recorded_detention, recorded_detainee;

CREATE FUNCTION recorded(id uuid, moment timestamptz) RETURNS TABLE (entry jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.entry FROM ledger l
    WHERE l.resource_id = $1 AND l.recorded_at <= $2 ORDER BY l.seq DESC LIMIT 1;
END;

-- Which events and detentions ever named an announcement or a facility.
CREATE INDEX ledger_of_announcement ON ledger ((entry ->> 'announcement_id'))
    WHERE resource = 'release_event';
CREATE INDEX ledger_of_facility ON ledger ((entry ->> 'facility_id'))
    WHERE resource = 'detention';

-- The place of the last entry that was recorded by a moment.
CREATE INDEX ledger_by_moment ON ledger (recorded_at, seq);

CREATE FUNCTION recorded_seq(moment timestamptz) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(max(l.seq), 0) FROM (
        SELECT seq FROM ledger WHERE recorded_at <= $1 ORDER BY recorded_at DESC, seq DESC LIMIT 1
    ) l;
END;

-- By property, the value by which a person counts: a list where it differs with the number of
-- independent sources required (1 to 5), absent where it is unknown (api/counting.py). Null in what
-- was recorded before there were groups; `constancia migrate` counts those people again.
ALTER TABLE standings ADD COLUMN groups jsonb;

CREATE INDEX standings_without_groups ON standings (recorded_until) WHERE groups IS NULL;

CREATE FUNCTION group_value(groups jsonb, property text, required integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(groups -> property)
        WHEN 'array' THEN groups -> property ->> (required - 1)
        ELSE groups ->> property
    END;

-- The kind that itself has the status of the release by the rule; null if no kind or several have.
CREATE FUNCTION verified_kind(
    kinds jsonb, independent_denials integer, required integer, status text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 1 THEN min(k.kind) END
    FROM (
        SELECT e.key AS kind, rank() OVER (ORDER BY e.value::integer DESC) AS rank
        FROM jsonb_each_text(kinds) e
        WHERE e.key <> 'unknown'
            AND verification_status(e.value::integer, independent_denials, required) = status
    ) k
    WHERE k.rank = 1;
END;

CREATE INDEX standings_by_moment ON standings (published_from) WHERE recorded_until = 'infinity';
CREATE INDEX detainees_by_nationality ON detainees USING gin (nationalities);

-- How many people came to a standing, less those who left it, in each year, month, day, hour and
-- quarter of an hour of publication time, as the record stands now: of all, and by each property
-- of those with one value. A bucket holds what came after its beginning and up to its end, which
-- is the next one's beginning. A count at any moment is the total less what came later: a few rows
-- of each grain, and the standings within one quarter of an hour.
DROP TABLE tallies;

CREATE TABLE tallies (
    -- '' for all people; else what they are grouped by. `value` is '' where it is unknown.
    property text NOT NULL,
    value text NOT NULL,
    grain text NOT NULL,
    bucket timestamptz NOT NULL,
    -- [required][n] for 1 to 5 independent sources; confirmed, disputed, reported, refuted,
    -- unverified, and those of the confirmed who were detained again.
    people integer[] NOT NULL CONSTRAINT tally_has_six_counts_for_each_required
        CHECK (array_dims(people) = '[1:5][1:6]'),
    PRIMARY KEY (property, grain, bucket, value)
) WITH (fillfactor = 80);

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
