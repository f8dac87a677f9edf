-- Functions for counts with filters and groups: the values of a person and a detention that a caller
-- may know, whether these meet filters, and since when a person is detained again.

-- The facilities that a facility and a country select; null if neither is given. A facility where
-- anybody was held keeps its country, so this holds at any moment. With the nil UUID it is never
-- empty: whether an undisclosed facility is among them stays undecided.
CREATE FUNCTION selected_facilities(facility_id uuid, country text) RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN $2 IS NOT NULL THEN ARRAY(
            SELECT f.id FROM facilities f WHERE f.country = $2 AND ($1 IS NULL OR f.id = $1)
        ) || '00000000-0000-0000-0000-000000000000'::uuid
        WHEN $1 IS NOT NULL THEN ARRAY[$1]
    END;

-- The questions of a count as rows. A filter of null is none.
CREATE FUNCTION count_questions(questions jsonb) RETURNS TABLE (
    number bigint, as_of timestamptz, moment timestamptz, facility_ids uuid[], nationality text,
    age_group text, sex text, release_kind text, announcement_id uuid, occurred_from date,
    occurred_until date
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT q.number, coalesce(q.as_of, now()), q.moment,
        selected_facilities(q.facility_id, q.country), q.nationality, q.age_group, q.sex,
        q.release_kind, q.announcement_id, q.occurred_from, q.occurred_until
    FROM ROWS FROM (jsonb_to_recordset($1) AS (
        as_of timestamptz, moment timestamptz, facility_id uuid, country text, nationality text,
        age_group text, sex text, release_kind text, announcement_id uuid, occurred_from date,
        occurred_until date
    )) WITH ORDINALITY AS q (
        as_of, moment, facility_id, country, nationality, age_group, sex, release_kind,
        announcement_id, occurred_from, occurred_until, number
    );
END;

-- The facility that a caller may know at a moment of record time: null if it is redacted. The
-- condition of disclosed_facility, which is not inlined: a count at a facility took half as long
-- again with calls of it.
CREATE FUNCTION countable_facility(
    facility_id uuid, age_group text, is_redacted boolean, moment timestamptz
) RETURNS TABLE (facility_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT $1
    WHERE NOT $3 OR EXISTS (
        SELECT FROM disclosed_groups g
        WHERE g.age_group = $2 AND g.facility_id = $1 AND g.disclosed_from <= $4
        -- OFFSET 0: without a hash table for each person, a count at a facility takes 4 % less.
        OFFSET 0
    );
END;

CREATE FUNCTION facility_of_detention(detention_id uuid, age_group text, is_redacted boolean)
    RETURNS TABLE (facility_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.facility_id
    FROM detentions t
    CROSS JOIN LATERAL countable_facility(t.facility_id, $2, $3, 'infinity') f
    WHERE t.id = $1;
END;

-- The values of a person that a caller may know at a moment of record time. One that is redacted is
-- null: those of a hidden person that are null may be recorded.
CREATE FUNCTION countable_values(
    age_group text, withheld boolean, nationalities text[], sex text, moment timestamptz,
    sees_hidden boolean
) RETURNS TABLE (nationalities text[], age_group text, sex text, is_redacted boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        CASE WHEN NOT h.hides THEN $3 END,
        CASE
            WHEN NOT h.hides THEN $1
            -- The condition of disclosed_age_group.
            WHEN EXISTS (
                SELECT FROM disclosed_groups g
                WHERE g.age_group = $1 AND g.facility_id IS NULL AND g.disclosed_from <= $5
            ) THEN nullif($1, 'unknown')
        END,
        CASE WHEN NOT h.hides THEN $4 END,
        h.hides
    FROM (SELECT is_hidden($1, $2) AND NOT $6 AS hides) h;
END;

-- The values of a person and a detention as recorded at the moment, by which both were recorded. A record
-- that never changed is read as it is, which spares its entry in the ledger.
CREATE FUNCTION recorded_values(
    detainee_id uuid, detention_id uuid, moment timestamptz, sees_hidden boolean
) RETURNS TABLE (
    facility_id uuid, nationalities text[], age_group text, sex text, is_redacted boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.facility_id, v.nationalities, v.age_group, v.sex, v.is_redacted
    FROM detainees p
    CROSS JOIN LATERAL jsonb_populate_record(
        p, CASE WHEN p.updated_at <> p.created_at THEN (SELECT r.entry FROM recorded(p.id, $3) r) END
    ) d
    JOIN detentions t ON t.id = $2
    CROSS JOIN LATERAL countable_values(
        d.age_group, d.withheld, d.nationalities, d.sex, $3, $4
    ) v
    LEFT JOIN LATERAL countable_facility(
        CASE
            WHEN t.updated_at = t.created_at THEN t.facility_id
            ELSE (SELECT (r.entry ->> 'facility_id')::uuid FROM recorded(t.id, $3) r)
        END, d.age_group, v.is_redacted, $3
    ) f ON true
    WHERE p.id = $1;
END;

-- Whether values meet filters: null if no value that the caller may know excludes them, and one
-- that is redacted decides. The facility is the last one, since it may be a subquery.
CREATE FUNCTION values_meet(
    facility_id uuid, nationalities text[], age_group text, sex text, is_redacted boolean,
    filter_facility_ids uuid[], filter_nationality text, filter_age_group text, filter_sex text
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        (filter_nationality IS NULL OR filter_nationality = ANY (nationalities))
            AND (filter_age_group IS NULL OR age_group = filter_age_group)
            AND (filter_sex IS NULL OR sex = filter_sex)
            AND (filter_facility_ids IS NULL OR facility_id = ANY (filter_facility_ids)),
        CASE WHEN NOT is_redacted THEN false END
    );

CREATE FUNCTION filters_met(
    detainee_id uuid, detention_id uuid, sees_hidden boolean,
    facility_ids uuid[], nationality text, age_group text, sex text
) RETURNS TABLE (are_met boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    -- A detention is looked up only if its facility decides: a count by nationality took an eighth
    -- longer with a look-up of each.
    SELECT values_meet(
        (
            SELECT f.facility_id
            FROM facility_of_detention($2, d.age_group, v.is_redacted) f
        ),
        v.nationalities, v.age_group, v.sex, v.is_redacted, $4, $5, $6, $7
    )
    FROM detainees d
    CROSS JOIN LATERAL countable_values(
        d.age_group, d.withheld, d.nationalities, d.sex, 'infinity', $3
    ) v
    WHERE d.id = $1;
END;

CREATE FUNCTION recorded_filters_met(
    detainee_id uuid, detention_id uuid, moment timestamptz, sees_hidden boolean,
    facility_ids uuid[], nationality text, age_group text, sex text
) RETURNS TABLE (are_met boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT values_meet(
        v.facility_id, v.nationalities, v.age_group, v.sex, v.is_redacted, $5, $6, $7, $8
    )
    FROM recorded_values($1, $2, $3, $4) v;
END;

-- The value of a group of people whose value the caller may not know.
CREATE FUNCTION undisclosed() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '?';

-- The group of values by a property; null if the value is unknown.
CREATE FUNCTION group_of_values(
    property text, facility_id uuid, nationalities text[], age_group text, sex text,
    is_redacted boolean
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(
        CASE property
            WHEN 'facility_id' THEN facility_id::text
            WHEN 'nationality' THEN nationalities[1]
            WHEN 'age_group' THEN nullif(age_group, 'unknown')
            WHEN 'sex' THEN sex
        END,
        CASE WHEN is_redacted THEN undisclosed() END
    );

CREATE FUNCTION group_of_person(
    property text, detainee_id uuid, detention_id uuid, sees_hidden boolean
) RETURNS TABLE (value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT group_of_values(
        $1,
        (
            SELECT f.facility_id
            FROM facility_of_detention($3, d.age_group, v.is_redacted) f
        ),
        v.nationalities, v.age_group, v.sex, v.is_redacted
    )
    FROM detainees d
    CROSS JOIN LATERAL countable_values(
        d.age_group, d.withheld, d.nationalities, d.sex, 'infinity', $4
    ) v
    WHERE d.id = $2;
END;

CREATE FUNCTION recorded_group_of_person(
    property text, detainee_id uuid, detention_id uuid, moment timestamptz, sees_hidden boolean
) RETURNS TABLE (value text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT group_of_values(
        $1, v.facility_id, v.nationalities, v.age_group, v.sex, v.is_redacted
    )
    FROM recorded_values($2, $3, $4, $5) v;
END;

-- All detentions that were at facilities as far as a caller may know, or may have been: those of
-- hidden people at a facility that is not disclosed, too. By indexes.
CREATE FUNCTION detentions_perhaps_at(facility_ids uuid[]) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i.id FROM detentions_ever_at($1, false) i
    UNION ALL
    SELECT t.id
    FROM detainees d
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up these few rows, whatever size the planner expects of the rest.
        SELECT o.id, o.facility_id FROM detentions o WHERE o.detainee_id = d.id
        OFFSET 0
    ) t
    WHERE is_hidden(d.age_group, d.withheld)
        AND NOT EXISTS (
            SELECT FROM disclosed_groups g
            WHERE g.age_group = d.age_group AND g.facility_id = t.facility_id
        );
END;

-- The release events of such detentions at any record time.
CREATE FUNCTION release_events_perhaps_at(facility_ids uuid[]) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id FROM release_events_ever_at($1, false) e
    UNION
    SELECT e.id FROM release_events e
    WHERE e.detainee_id = ANY (ARRAY(
        SELECT l.resource_id FROM ledger l
        WHERE l.resource = 'detainee'
            AND is_hidden(l.entry ->> 'age_group', (l.entry -> 'withheld')::boolean)
    ));
END;

-- All people who are of a nationality, or may be as far as a caller may know. By indexes.
CREATE FUNCTION people_perhaps_of(nationality text) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id FROM detainees d
    WHERE public_nationalities(d.age_group, d.withheld, d.nationalities) @> ARRAY[$1]
        OR is_hidden(d.age_group, d.withheld);
END;

-- Whether a detention follows the release from another one on a day. `first_release` is the day of
-- its first release event, null if it has none.
CREATE FUNCTION follows_release(detained_on text, first_release date, released_on date)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN last_day(detained_on) >= released_on AND (
        first_release IS NULL OR first_release > released_on
        OR first_release = released_on AND last_day(detained_on) = released_on
            AND length(detained_on) = 10
    );

-- The moment of publication time from which a person was detained again after the release from a
-- detention on a day; null if never. "Re-arrests" in sql/README.md gives the rule.
CREATE FUNCTION detained_again_at(detainee_id uuid, detention_id uuid, released_on date)
    RETURNS TABLE (began_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT min(detention_began_at(
        CASE WHEN NOT o.counts_from_entry THEN o.detained_on END, r.first, o.created_at
    ))
    FROM detentions o
    CROSS JOIN LATERAL (
        SELECT min(e.occurred_on) AS first
        FROM release_events e
        -- Not `=`: see 0009_release_events.sql.
        WHERE e.detainee_id = o.detainee_id AND e.detention_id IS NOT DISTINCT FROM o.id
            AND e.voided_at IS NULL
    ) r
    WHERE o.detainee_id = $1 AND o.id <> $2 AND o.voided_at IS NULL
        AND follows_release(o.detained_on, r.first, $3);
END;

-- The same as recorded at the moment.
CREATE FUNCTION recorded_detained_again_at(
    detainee_id uuid, detention_id uuid, released_on date, moment timestamptz
) RETURNS TABLE (began_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT min(detention_began_at(
        CASE WHEN NOT o.counts_from_entry THEN o.detained_on END, r.first, o.created_at
    ))
    FROM recorded_detentions($1, $4) o
    CROSS JOIN LATERAL (
        SELECT min(e.occurred_on) AS first
        FROM recorded_release_events($1, $4) e
        WHERE e.detention_id = o.id
    ) r
    WHERE o.id <> $2 AND follows_release(o.detained_on, r.first, $3);
END;

-- The status of a release event by a verdict, or of one kind of release; null if no attestation
-- asserts the kind.
CREATE FUNCTION status_of_kind(
    independent_sources integer, independent_denials integer, kinds jsonb, kind text,
    required integer
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN $4 IS NULL THEN verification_status($1, $2, $5)
        WHEN $3 ? $4 THEN verification_status(($3 ->> $4)::integer, $2, $5)
    END;

-- From when until when a release event has a rank among the statuses of its person. `is_certain` if
-- the event certainly matches the filters.
CREATE TYPE counted_step AS (
    detainee_id uuid, at timestamptz, until timestamptz, rank integer, is_certain boolean,
    detained_again_at timestamptz
);

-- The figures at each of these moments, of people by their strongest events that certainly match;
-- or, with `is_undisclosed`, of those who count more strongly with the events that may match.
CREATE FUNCTION figures_at(ends timestamptz[], steps counted_step[], is_undisclosed boolean)
    RETURNS TABLE (
        confirmed bigint[], disputed bigint[], reported bigint[], refuted bigint[],
        unverified bigint[], rearrested bigint[]
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH ends AS (
        SELECT e.at, e.position FROM unnest($1) WITH ORDINALITY AS e (at, position)
    ), steps AS (
        SELECT s.detainee_id, s.at, s.until, s.rank, s.is_certain, s.detained_again_at
        FROM unnest($2) s
    ), moments AS (
        SELECT s.detainee_id, s.at FROM steps s
        UNION
        SELECT s.detainee_id, s.detained_again_at FROM steps s WHERE s.detained_again_at IS NOT NULL
    ), people AS (
        SELECT m.detainee_id, m.at, min(s.rank) AS possible_rank,
            min(s.rank) FILTER (WHERE s.is_certain) AS certain_rank,
            bool_and(coalesce(s.detained_again_at <= m.at, false))
                FILTER (WHERE s.is_certain AND s.rank = 1) AS is_rearrested
        FROM moments m
        LEFT JOIN steps s ON s.detainee_id = m.detainee_id AND s.at <= m.at
            AND (s.until IS NULL OR m.at < s.until)
        GROUP BY m.detainee_id, m.at
    ), counted AS (
        SELECT p.detainee_id, p.at,
            CASE
                WHEN NOT $3 THEN p.certain_rank
                WHEN p.possible_rank IS DISTINCT FROM p.certain_rank THEN p.possible_rank
            END AS rank,
            p.is_rearrested AND NOT $3 AS is_rearrested
        FROM people p
    ), changes AS (
        SELECT c.at, c.rank, c.is_rearrested, lag(c.rank) OVER w AS former_rank,
            lag(c.is_rearrested) OVER w AS was_rearrested
        FROM counted c
        WINDOW w AS (PARTITION BY c.detainee_id ORDER BY c.at)
    ), moved AS (
        SELECT c.at AS moment, NULL::bigint AS position, 1 AS sign, c.rank, c.is_rearrested
        FROM changes c
        UNION ALL
        SELECT c.at, NULL, -1, c.former_rank, c.was_rearrested FROM changes c
        UNION ALL
        SELECT e.at, e.position, 0, NULL, NULL FROM ends e
    ), summed AS (
        -- A change at a moment counts at that moment.
        SELECT m.position,
            coalesce(sum(m.sign) FILTER (WHERE m.rank = 1) OVER w, 0) AS confirmed,
            coalesce(sum(m.sign) FILTER (WHERE m.rank = 2) OVER w, 0) AS disputed,
            coalesce(sum(m.sign) FILTER (WHERE m.rank = 3) OVER w, 0) AS reported,
            coalesce(sum(m.sign) FILTER (WHERE m.rank = 4) OVER w, 0) AS refuted,
            coalesce(sum(m.sign) FILTER (WHERE m.rank = 5) OVER w, 0) AS unverified,
            coalesce(sum(m.sign) FILTER (WHERE m.is_rearrested) OVER w, 0) AS rearrested
        FROM moved m
        WINDOW w AS (ORDER BY m.moment RANGE UNBOUNDED PRECEDING)
    )
    SELECT array_agg(s.confirmed ORDER BY s.position), array_agg(s.disputed ORDER BY s.position),
        array_agg(s.reported ORDER BY s.position), array_agg(s.refuted ORDER BY s.position),
        array_agg(s.unverified ORDER BY s.position), array_agg(s.rearrested ORDER BY s.position)
    FROM summed s WHERE s.position IS NOT NULL;
END;
