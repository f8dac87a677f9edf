-- The people behind a count: how each person counts at a pair of moments, and who may be listed.

-- The filters of counts. A filter that is null does not apply.
CREATE TYPE count_filters AS (
    facility_ids uuid[], nationality text, age_group text, sex text, release_kind text,
    announcement_id uuid, occurred_from date, occurred_until date
);

-- Whether a filter is by a value that a caller may not know of hidden people.
CREATE FUNCTION filters_people(filters count_filters) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN num_nonnulls(
        ($1).facility_ids, ($1).nationality, ($1).age_group, ($1).sex
    ) > 0;

-- A person's release events at a pair of moments that match filters, and the status of each. `are_met`
-- is null if a value that the caller may not know decides.
CREATE FUNCTION judged_release_events(
    detainee_id uuid, as_of timestamptz, moment timestamptz, required integer,
    filters count_filters, sees_hidden boolean
) RETURNS TABLE (
    id uuid, detention_id uuid, occurred_on date, status text, independent_sources integer,
    independent_denials integer, kinds jsonb, are_met boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detention_id, e.occurred_on, s.status, v.independent_sources,
        v.independent_denials, v.kinds,
        CASE WHEN filters_people($5) THEN (
            SELECT f.are_met FROM recorded_filters_met(
                $1, e.detention_id, $3, $6,
                ($5).facility_ids, ($5).nationality, ($5).age_group, ($5).sex
            ) f
        ) ELSE true END
    FROM recorded_release_events($1, $3) e
    CROSS JOIN LATERAL (
        SELECT c.independent_sources, c.independent_denials, c.kinds
        FROM verdicts c
        WHERE c.release_event_id = e.id AND c.published_from <= $2
            AND c.recorded_from <= $3 AND $3 < c.recorded_until
        ORDER BY c.published_from DESC
        LIMIT 1
    ) v
    CROSS JOIN LATERAL (
        SELECT status_of_kind(
            v.independent_sources, v.independent_denials, v.kinds, ($5).release_kind, $4
        ) AS status
    ) s
    WHERE s.status IS NOT NULL
        AND (($5).announcement_id IS NULL OR e.announcement_id = ($5).announcement_id)
        AND (($5).occurred_from IS NULL OR e.occurred_on >= ($5).occurred_from)
        AND (($5).occurred_until IS NULL OR e.occurred_on <= ($5).occurred_until);
END;

-- How a person counts at a pair of moments among the release events that certainly match filters: by
-- the one with the strongest status, then the latest day, the most independent sources, the id. No
-- row if none matches. The same as counts/count_filtered_recorded, for one person.
CREATE FUNCTION counted_person(
    detainee_id uuid, as_of timestamptz, moment timestamptz, required integer,
    filters count_filters, sees_hidden boolean
) RETURNS TABLE (
    status text, is_rearrested boolean, release_event_id uuid, detention_id uuid,
    occurred_on date, release_kind text, independent_sources integer,
    independent_denials integer
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH judged AS (
        SELECT j.id, j.detention_id, j.occurred_on, j.status, j.independent_sources,
            j.independent_denials, j.kinds
        FROM judged_release_events($1, $2, $3, $4, $5, $6) j
        WHERE j.are_met
    ), strongest AS (
        SELECT j.id, j.detention_id, j.occurred_on, j.status, j.independent_sources,
            j.independent_denials, j.kinds
        FROM judged j
        ORDER BY status_rank(j.status), j.occurred_on DESC, j.independent_sources DESC, j.id DESC
        LIMIT 1
    )
    SELECT s.status,
        s.status = 'confirmed' AND NOT EXISTS (
            SELECT FROM judged j
            WHERE j.status = 'confirmed' AND NOT EXISTS (
                SELECT FROM recorded_detained_again_at($1, j.detention_id, j.occurred_on, $3) d
                WHERE d.began_at <= $2
            )
        ),
        s.id, s.detention_id, s.occurred_on,
        CASE
            WHEN ($5).release_kind IS NULL THEN
                verified_kind(s.kinds, s.independent_denials, $4, s.status)
            ELSE nullif(($5).release_kind, 'unknown')
        END,
        CASE
            WHEN ($5).release_kind IS NULL THEN s.independent_sources
            ELSE (s.kinds ->> ($5).release_kind)::integer
        END,
        s.independent_denials
    FROM strongest s;
END;

-- The moment since which a release event has its status at a pair of moments, by all attestations or
-- by those of a kind of release.
CREATE FUNCTION status_holds_since(
    release_event_id uuid, as_of timestamptz, moment timestamptz, required integer, kind text,
    status text
) RETURNS TABLE (since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH steps AS (
        SELECT v.published_from,
            status_of_kind(v.independent_sources, v.independent_denials, v.kinds, $5, $4) AS status
        FROM verdicts v
        WHERE v.release_event_id = $1 AND v.published_from <= $2
            AND v.recorded_from <= $3 AND $3 < v.recorded_until
    )
    SELECT min(s.published_from)
    FROM steps s
    WHERE s.published_from > coalesce(
        (SELECT max(o.published_from) FROM steps o WHERE o.status IS DISTINCT FROM $6), '-infinity'
    );
END;

-- How a person who counts by a release event is listed: the surviving records of both, and the
-- detention of the event. `is_listed` is false if the caller may not know today that this person
-- meets the filters, or that the person was merged or the event moved.
CREATE FUNCTION listed_person(
    detainee_id uuid, release_event_id uuid, filters count_filters, sees_hidden boolean
) RETURNS TABLE (
    detainee_id uuid, release_event_id uuid, detention_id uuid, is_redacted boolean,
    is_listed boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE people AS (
        SELECT d.id, d.merged_into, is_hidden(d.age_group, d.withheld) AND NOT $4 AS is_redacted
        FROM detainees d WHERE d.id = $1
        UNION ALL
        SELECT d.id, d.merged_into, is_hidden(d.age_group, d.withheld) AND NOT $4
        FROM people p JOIN detainees d ON d.id = p.merged_into
    ), events AS (
        SELECT e.id, e.merged_into, e.detainee_id, e.detention_id
        FROM release_events e WHERE e.id = $2
        UNION ALL
        SELECT e.id, e.merged_into, e.detainee_id, e.detention_id
        FROM events r JOIN release_events e ON e.id = r.merged_into
    )
    SELECT p.id, r.id, r.detention_id, p.is_redacted,
        CASE
            -- A merge that involves a hidden person: an item would tell which two records were merged.
            WHEN p.id <> $1 AND EXISTS (SELECT FROM people o WHERE o.is_redacted) THEN false
            -- A merge, a split or an undo has moved the event. The public sees no move that involves a
            -- hidden person.
            WHEN r.detainee_id <> p.id THEN NOT p.is_redacted AND NOT EXISTS (
                SELECT FROM detainees d
                WHERE d.id = r.detainee_id AND is_hidden(d.age_group, d.withheld) AND NOT $4
            )
            WHEN p.is_redacted AND filters_people($3) THEN coalesce((
                SELECT f.are_met FROM filters_met(
                    p.id, r.detention_id, false,
                    ($3).facility_ids, ($3).nationality, ($3).age_group, ($3).sex
                ) f
            ), false)
            ELSE true
        END
    FROM people p CROSS JOIN events r
    WHERE p.merged_into IS NULL AND r.merged_into IS NULL;
END;

-- The people to whom release events belong now or belonged at a moment of record time.
CREATE FUNCTION people_of_release_events(ids uuid[], moment timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.detainee_id FROM release_events e WHERE e.id = ANY ($1)
    UNION ALL
    SELECT m.detainee_id FROM moved_release_events($2) m WHERE m.id = ANY ($1);
END;

-- The release events that a person may have had at a moment of record time, of these days and with an
-- attestation of this kind of release. A day or a kind that is null is not asked for.
CREATE FUNCTION release_events_perhaps_of(
    detainee_id uuid, first_day date, last_day date, kind text
) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id FROM release_events e
    WHERE e.detainee_id = $1
        AND ($2 IS NULL OR e.occurred_on >= $2) AND ($3 IS NULL OR e.occurred_on <= $3)
        AND ($4 IS NULL OR EXISTS (
            SELECT FROM verdicts v WHERE v.release_event_id = e.id AND v.kinds ? $4
        ))
    UNION ALL
    SELECT m.id FROM records_moved_with($1, 'release_event') m;
END;

-- The release events that have or had a status at any pair of moments, by all attestations; by an index.
CREATE FUNCTION release_events_ever_of_status(status text, required integer) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.release_event_id FROM release_event_statuses s
    WHERE s.status_codes = ANY (codes_of_status($1, $2));
END;

-- The people who may be in a count of the past and not in its list: those who are hidden, if the
-- count has a filter by a value that a caller may not know of them, and those whose records were
-- merged with one of a hidden person, or split from it.
CREATE FUNCTION people_perhaps_redacted(filters_people boolean) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE linked (id) AS (
        SELECT d.id FROM detainees d
        WHERE is_hidden(d.age_group, d.withheld)
            AND ($1 OR EXISTS (SELECT FROM people_linked_with(d.id)))
        UNION
        SELECT n.id FROM linked l CROSS JOIN LATERAL people_linked_with(l.id) n
    )
    SELECT l.id FROM linked l;
END;
