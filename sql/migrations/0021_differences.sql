-- Differences: the people who changed between two pairs of moments, and why.

-- The two pairs of moments of a difference, with its filters, as one row.
CREATE FUNCTION asked_difference(questions jsonb, required integer, sees_hidden boolean)
    RETURNS TABLE (
        as_of timestamptz, moment timestamptz, later_as_of timestamptz, later_moment timestamptz,
        filters count_filters, required integer, sees_hidden boolean
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT q.as_of, q.moment, r.as_of, r.moment, (
            q.facility_ids, q.nationality, q.age_group, q.sex, q.release_kind, q.announcement_id,
            q.occurred_from, q.occurred_until
        )::count_filters, $2, $3
    FROM count_questions($1) q JOIN count_questions($1) r ON r.number = q.number + 1;
END;

CREATE FUNCTION status_of_code(code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE $1
        WHEN 'C' THEN 'confirmed'
        WHEN 'A' THEN 'confirmed'
        WHEN 'D' THEN 'disputed'
        WHEN 'R' THEN 'reported'
        WHEN 'F' THEN 'refuted'
        WHEN 'U' THEN 'unverified'
    END;

-- The stored status of a person at a pair of moments.
CREATE FUNCTION stored_code(
    detainee_id uuid, as_of timestamptz, moment timestamptz, required integer
) RETURNS TABLE (code text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT substr(s.status_codes, $4, 1)
    FROM person_statuses s
    WHERE s.detainee_id = $1 AND s.published_from <= $2
        AND s.recorded_from <= $3 AND $3 < s.recorded_until
    ORDER BY s.published_from DESC
    LIMIT 1;
END;

-- The stored status of a release event at a pair of moments, or that of one kind of release.
CREATE FUNCTION stored_status_of_kind(
    release_event_id uuid, as_of timestamptz, moment timestamptz, required integer, kind text
) RETURNS TABLE (status text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT status_of_kind(v.independent_sources, v.independent_denials, v.kinds, $5, $4)
    FROM verdicts v
    WHERE v.release_event_id = $1 AND v.published_from <= $2
        AND v.recorded_from <= $3 AND $3 < v.recorded_until
    ORDER BY v.published_from DESC
    LIMIT 1;
END;

-- The people whose stored status may differ between two pairs of moments: those of whom one was
-- recorded or superseded between them, then those of whom one began. By indexes.
CREATE FUNCTION people_changed(
    as_of timestamptz, moment timestamptz, later_as_of timestamptz, later_moment timestamptz
) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.detainee_id FROM person_statuses s
    WHERE s.recorded_from > $2 AND s.recorded_from <= $4 AND s.published_from <= $1
    UNION ALL
    SELECT s.detainee_id FROM person_statuses s
    WHERE s.recorded_until > $2 AND s.recorded_until <= $4 AND s.recorded_until < 'infinity'
        AND s.published_from <= $1
    UNION ALL
    SELECT s.detainee_id FROM person_statuses s
    WHERE s.published_from > $1 AND s.published_from <= $3
        AND s.recorded_from <= $4 AND $4 < s.recorded_until;
END;

-- The release events whose verdict may differ between two pairs of moments, in the same way.
CREATE FUNCTION release_events_changed(
    as_of timestamptz, moment timestamptz, later_as_of timestamptz, later_moment timestamptz
) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT v.release_event_id FROM verdicts v
    WHERE v.recorded_from > $2 AND v.recorded_from <= $4 AND v.published_from <= $1
    UNION ALL
    SELECT v.release_event_id FROM verdicts v
    WHERE v.recorded_until > $2 AND v.recorded_until <= $4 AND v.recorded_until < 'infinity'
        AND v.published_from <= $1
    UNION ALL
    SELECT v.release_event_id FROM verdicts v
    WHERE v.published_from > $1 AND v.published_from <= $3
        AND v.recorded_from <= $4 AND $4 < v.recorded_until
    UNION ALL
    SELECT l.resource_id FROM ledger l
    WHERE l.resource = 'release_event' AND l.action <> 'read'
        AND l.recorded_at > $2 AND l.recorded_at <= $4;
END;

-- The people who may have changed between two pairs of moments, under filters: those whose status, release
-- events or values changed, unless the filters exclude a value of theirs that never changed. By indexes.
CREATE FUNCTION people_perhaps_changed(
    as_of timestamptz, moment timestamptz, later_as_of timestamptz, later_moment timestamptz,
    filters count_filters
) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH events AS MATERIALIZED (
        SELECT e.id FROM release_events_changed($1, $2, $3, $4) e
    ), people AS (
        SELECT p.id FROM people_changed($1, $2, $3, $4) p
        UNION
        SELECT o.detainee_id FROM events e JOIN release_events o ON o.id = e.id
        UNION
        SELECT m.detainee_id
        FROM (VALUES ($2), ($4)) AS a (moment) CROSS JOIN LATERAL moved_release_events(a.moment) m
        WHERE (m.id IN (SELECT e.id FROM events e)) IS TRUE
        UNION
        SELECT l.resource_id FROM ledger l
        WHERE l.resource = 'detainee' AND l.action <> 'read'
            AND l.recorded_at > $2 AND l.recorded_at <= $4
        UNION
        SELECT i.id::uuid
        FROM ledger l
        CROSS JOIN LATERAL (
            VALUES
                (l.entry ->> 'detainee_id'), (l.entry ->> 'into_id'),
                (l.entry ->> 'new_detainee_id')
        ) i (id)
        WHERE l.resource IN ('detention', 'merge', 'split') AND l.action <> 'read'
            AND l.recorded_at > $2 AND l.recorded_at <= $4 AND i.id IS NOT NULL
        UNION
        -- Reported before the day of the release began in UTC: until it begins, an earlier re-arrest
        -- can count among the events that match and not among all events.
        SELECT e.detainee_id
        FROM first_verdicts f JOIN release_events e ON e.id = f.release_event_id
        WHERE f.occurred_on >= ($1 AT TIME ZONE 'UTC')::date
            AND f.occurred_on <= ($3 AT TIME ZONE 'UTC')::date
            AND f.published_from < f.occurred_on::timestamp AT TIME ZONE 'UTC'
    )
    SELECT p.id
    FROM people p JOIN detainees d ON d.id = p.id
    -- Hidden people whatever their values: rows that are read and left out take time, which would tell.
    WHERE is_hidden(d.age_group, d.withheld)
        OR (
            d.updated_at <> d.created_at
            OR (($5).nationality IS NULL OR ($5).nationality = ANY (d.nationalities))
                AND (($5).age_group IS NULL OR d.age_group = ($5).age_group)
                AND (($5).sex IS NULL OR d.sex = ($5).sex)
        )
        AND (
            ($5).facility_ids IS NULL
            -- One set for all: to look at the detentions of each took half of a list.
            OR p.id IN (
                SELECT t.detainee_id
                FROM detentions_ever_at(($5).facility_ids, false) f JOIN detentions t ON t.id = f.id
                UNION ALL
                SELECT i.id
                FROM (
                    SELECT m.detainee_id, m.into_id FROM merges m WHERE m.detainee_id IS NOT NULL
                    UNION ALL
                    SELECT s.detainee_id, s.new_detainee_id FROM splits s
                ) l
                CROSS JOIN LATERAL (VALUES (l.detainee_id), (l.into_id)) AS i (id)
            )
        );
END;

-- How these people count at two pairs of moments, by which release events; only those who count
-- otherwise or, with `group_by`, are in another group. A person is left out if a release event that may
-- match the filters has a stronger status (`status_rank`) than those that certainly do: perhaps nothing
-- changed but what the public may know. A change from or to a group that the caller may not know does not
-- count.
-- For all people at once: by itself each took 0.7 ms, now 0.1 ms. PostgreSQL may expect a few rows of each
-- part, and would compare all rows of one with all of the other. So parts are joined by FULL JOIN, which
-- never does that, and a list of ids is asked for by (IN) IS TRUE, which is no join.
CREATE FUNCTION differences_of_people(
    ids uuid[], as_of timestamptz, moment timestamptz, later_as_of timestamptz,
    later_moment timestamptz, required integer, filters count_filters, group_by text,
    sees_hidden boolean
) RETURNS TABLE (
    detainee_id uuid, before text, was_rearrested boolean, earlier_event_id uuid,
    earlier_margin integer, after text, is_rearrested boolean, later_event_id uuid,
    later_margin integer
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH moments (is_later, as_of, moment) AS (
        VALUES (false, $2, $3), (true, $4, $5)
    ), events AS MATERIALIZED (
        SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.announcement_id,
            e.updated_at <> e.created_at AS has_changed
        FROM unnest($1) AS i (id) JOIN release_events e ON e.detainee_id = i.id
        UNION ALL
        SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.announcement_id, true
        FROM (
            SELECT DISTINCT m.id
            FROM unnest($1) AS i (id)
            CROSS JOIN LATERAL records_moved_with(i.id, 'release_event') m
        ) m
        JOIN release_events e ON e.id = m.id
        WHERE (e.detainee_id IN (SELECT i.id FROM unnest($1) AS i (id))) IS FALSE
    ), recorded_events AS (
        SELECT m.is_later, m.as_of, m.moment, e.id, e.detainee_id, e.detention_id, e.occurred_on,
            e.announcement_id
        FROM moments m CROSS JOIN events e
        WHERE NOT e.has_changed
        UNION ALL
        SELECT m.is_later, m.as_of, m.moment, t.id, t.detainee_id, t.detention_id, t.occurred_on,
            t.announcement_id
        FROM moments m
        CROSS JOIN events e
        CROSS JOIN LATERAL recorded(e.id, m.moment) r
        CROSS JOIN LATERAL jsonb_to_record(r.entry) AS t (
            id uuid, detainee_id uuid, detention_id uuid, occurred_on date, announcement_id uuid,
            merged_into uuid, voided_at timestamptz
        )
        WHERE e.has_changed AND t.merged_into IS NULL AND t.voided_at IS NULL
            AND (t.detainee_id IN (SELECT i.id FROM unnest($1) AS i (id))) IS TRUE
    ), detained_twice AS MATERIALIZED (
        SELECT i.id FROM unnest($1) AS i (id)
        WHERE (SELECT count(*) FROM detentions t WHERE t.detainee_id = i.id) > 1
            OR EXISTS (SELECT FROM people_linked_with(i.id))
    ), judged AS MATERIALIZED (
        SELECT e.is_later, e.id, e.detainee_id, e.occurred_on, k.status,
            status_rank(k.status) AS rank, v.independent_sources, v.independent_denials, f.are_met,
            CASE
                WHEN $8 IS NULL THEN NULL
                -- All are in the group that is the filter.
                WHEN $8 = 'release_kind' AND ($7).release_kind IS NOT NULL THEN NULL
                WHEN $8 = 'nationality' AND ($7).nationality IS NOT NULL THEN NULL
                WHEN $8 = 'release_kind' THEN
                    verified_kind(v.kinds, v.independent_denials, $6, k.status)
                WHEN $8 = 'occurred_on' THEN e.occurred_on::text
                WHEN $8 = 'announcement_id' THEN e.announcement_id::text
                ELSE (
                    SELECT g.value FROM recorded_group_of_person(
                        $8, e.detainee_id, e.detention_id, e.moment, $9
                    ) g
                )
            END AS value,
            CASE
                WHEN f.are_met AND k.status = 'confirmed'
                    AND e.detainee_id IN (SELECT t.id FROM detained_twice t)
                THEN EXISTS (
                    SELECT FROM recorded_detained_again_at(
                        e.detainee_id, e.detention_id, e.occurred_on, e.moment
                    ) d
                    WHERE d.began_at <= e.as_of
                )
                ELSE false
            END AS is_detained_again
        FROM recorded_events e
        CROSS JOIN LATERAL (
            SELECT c.independent_sources, c.independent_denials, c.kinds
            FROM verdicts c
            WHERE c.release_event_id = e.id AND c.published_from <= e.as_of
                AND c.recorded_from <= e.moment AND e.moment < c.recorded_until
            ORDER BY c.published_from DESC
            LIMIT 1
        ) v
        CROSS JOIN LATERAL (
            SELECT status_of_kind(
                v.independent_sources, v.independent_denials, v.kinds, ($7).release_kind, $6
            ) AS status
        ) k
        CROSS JOIN LATERAL (
            SELECT CASE WHEN filters_people($7) THEN (
                SELECT f.are_met FROM recorded_filters_met(
                    e.detainee_id, e.detention_id, e.moment, $9,
                    ($7).facility_ids, ($7).nationality, ($7).age_group, ($7).sex
                ) f
            ) ELSE true END AS are_met
            OFFSET 0
        ) f
        WHERE k.status IS NOT NULL AND f.are_met IS NOT FALSE
            AND (($7).announcement_id IS NULL OR e.announcement_id = ($7).announcement_id)
            AND (($7).occurred_from IS NULL OR e.occurred_on >= ($7).occurred_from)
            AND (($7).occurred_until IS NULL OR e.occurred_on <= ($7).occurred_until)
    ), counted AS (
        SELECT DISTINCT ON (j.detainee_id, j.is_later) j.detainee_id, j.is_later, j.status, j.id,
            j.independent_sources - j.independent_denials AS margin, j.value,
            bool_and(j.is_detained_again) FILTER (WHERE j.are_met AND j.rank = 1) OVER events
                AS is_rearrested,
            -- Whether no release event that may match has a stronger status.
            coalesce(j.are_met, false) AND coalesce(
                j.rank <= min(j.rank) FILTER (WHERE j.are_met IS NULL) OVER events, true
            ) AS is_certain
        FROM judged j
        WINDOW events AS (PARTITION BY j.detainee_id, j.is_later)
        -- By the same event as counted_person. A null of `are_met` comes last.
        ORDER BY j.detainee_id, j.is_later, j.are_met, j.rank, j.occurred_on DESC,
            j.independent_sources DESC, j.id DESC
    )
    SELECT detainee_id, e.status, coalesce(e.is_rearrested, false), e.id, coalesce(e.margin, 0),
        l.status, coalesce(l.is_rearrested, false), l.id, coalesce(l.margin, 0)
    FROM (
        SELECT c.detainee_id, c.status, c.is_rearrested, c.id, c.margin, c.value, c.is_certain
        FROM counted c WHERE NOT c.is_later
    ) e
    FULL JOIN (
        SELECT c.detainee_id, c.status, c.is_rearrested, c.id, c.margin, c.value, c.is_certain
        FROM counted c WHERE c.is_later
    ) l USING (detainee_id)
    WHERE (
            (e.status, e.is_rearrested) IS DISTINCT FROM (l.status, l.is_rearrested)
            OR e.value IS DISTINCT FROM l.value
                AND undisclosed() NOT IN (coalesce(e.value, ''), coalesce(l.value, ''))
        )
        AND e.is_certain IS NOT FALSE AND l.is_certain IS NOT FALSE;
END;

-- One row if a person was confirmed as of just before a moment of record time until that moment, and is
-- not as recorded at it.
CREATE FUNCTION ceased_person(detainee_id uuid, moment timestamptz, required integer)
    RETURNS TABLE (detainee_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT $1
    FROM (SELECT $2 - interval '1 microsecond' AS before) m
    WHERE NOT EXISTS (
            SELECT FROM stored_code($1, m.before, $2, $3) e WHERE e.code IN ('C', 'A')
        )
        AND EXISTS (
            SELECT FROM stored_code($1, m.before, m.before, $3) b WHERE b.code IN ('C', 'A')
        );
END;

-- The same of a release event, or of one kind of release.
CREATE FUNCTION ceased_release_event(
    release_event_id uuid, moment timestamptz, required integer, kind text
) RETURNS TABLE (release_event_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT $1
    FROM (SELECT $2 - interval '1 microsecond' AS before) m
    WHERE NOT EXISTS (
            SELECT FROM stored_status_of_kind($1, m.before, $2, $3, $4) e
            WHERE e.status = 'confirmed'
        )
        AND EXISTS (
            SELECT FROM stored_status_of_kind($1, m.before, m.before, $3, $4) b
            WHERE b.status = 'confirmed'
        );
END;

-- The moments of record time after another one at which somebody ceased to be confirmed as of just
-- before: a confirmed status was superseded, or was ended by what was published before the moment
-- `after`. By indexes. A moment can come several times.
CREATE FUNCTION moments_of_correction(after timestamptz, required integer)
    RETURNS TABLE (moment timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.recorded_until FROM person_statuses s
    WHERE s.recorded_until > $1 AND s.recorded_until < 'infinity'
        AND substr(s.status_codes, $2, 1) IN ('C', 'A')
        AND EXISTS (SELECT FROM ceased_person(s.detainee_id, s.recorded_until, $2))
    UNION ALL
    SELECT s.recorded_from FROM person_statuses s
    WHERE s.ends_confirmed AND s.recorded_from > $1 AND s.published_from <= $1
        AND substr(s.status_codes, $2, 1) NOT IN ('C', 'A')
        AND EXISTS (SELECT FROM ceased_person(s.detainee_id, s.recorded_from, $2));
END;

-- The same for people and release events that match filters, of which the kind is given: also the
-- moments at which a value changed of somebody who was confirmed.
CREATE FUNCTION moments_of_filtered_correction(after timestamptz, required integer, kind text)
    RETURNS TABLE (moment timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.moment FROM moments_of_correction($1, $2) m
    UNION ALL
    SELECT s.recorded_until FROM person_statuses s
    WHERE s.recorded_until > $1 AND s.recorded_until < 'infinity'
        AND substr(s.status_codes, $2, 1) IN ('C', 'A')
        AND s.recorded_until IN (
            SELECT l.recorded_at FROM ledger l
            WHERE l.recorded_at > $1
                AND l.resource IN ('detainee', 'detention', 'release_event', 'merge', 'split')
                AND l.action NOT IN ('created', 'read')
        )
    UNION ALL
    SELECT v.recorded_until FROM verdicts v
    WHERE v.recorded_until > $1 AND v.recorded_until < 'infinity'
        AND v.independent_sources - v.independent_denials >= $2
        AND EXISTS (SELECT FROM ceased_release_event(v.release_event_id, v.recorded_until, $2, $3))
    UNION ALL
    SELECT v.recorded_from FROM verdicts v
    WHERE v.ends_confirmed AND v.recorded_from > $1 AND v.published_from <= $1
        AND v.independent_sources - v.independent_denials < $2
        AND EXISTS (SELECT FROM ceased_release_event(v.release_event_id, v.recorded_from, $2, $3));
END;

-- The records under which a difference is listed, and whether it may be: of a person who counts by one
-- of these events and then by the other. At a moment at which the person does not count, the event is
-- null.
CREATE FUNCTION listed_difference(
    detainee_id uuid, earlier_event_id uuid, later_event_id uuid, filters count_filters,
    sees_hidden boolean
) RETURNS TABLE (
    detainee_id uuid, release_event_id uuid, is_redacted boolean, is_listed boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.detainee_id, p.release_event_id, p.is_redacted, p.is_listed AND coalesce((
        SELECT o.is_listed FROM listed_person($1, $2, $4, $5) o
    ), true)
    FROM listed_person($1, coalesce($3, $2), $4, $5) p;
END;

-- The moments of record time within a period at which verdicts of release events or the status of a
-- person changed.
CREATE FUNCTION moments_of_change(
    detainee_id uuid, release_event_ids uuid[], after timestamptz, until timestamptz
) RETURNS TABLE (moment timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.moment
    FROM (
        SELECT v.recorded_from, v.recorded_until
        FROM verdicts v WHERE v.release_event_id = ANY ($2)
        UNION ALL
        SELECT s.recorded_from, s.recorded_until
        FROM person_statuses s WHERE s.detainee_id = $1
        -- OFFSET 0: look these few rows up, not all that were recorded in the period. After an import
        -- of 100,000 people that took 20 ms for each person.
        OFFSET 0
    ) c
    CROSS JOIN LATERAL (VALUES (c.recorded_from), (c.recorded_until)) AS m (moment)
    WHERE m.moment > $3 AND m.moment <= $4;
END;

-- The first moment since which the status has been that of the last moment.
CREATE FUNCTION last_began(moments timestamptz[], statuses text[]) RETURNS TABLE (moment timestamptz)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT max(s.moment)
    FROM (
        SELECT m.moment, m.status IS DISTINCT FROM lag(m.status) OVER (ORDER BY m.moment) AS begins
        FROM unnest($1, $2) AS m (moment, status)
    ) s
    WHERE s.begins;
END;

-- The moment of publication time since which the stored status of a person is that at a pair of moments.
CREATE FUNCTION code_holds_since(
    detainee_id uuid, as_of timestamptz, moment timestamptz, required integer
) RETURNS TABLE (since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT b.moment
    FROM (
        SELECT array_agg(s.published_from) AS moments,
            array_agg(substr(s.status_codes, $4, 1)) AS codes
        FROM person_statuses s
        WHERE s.detainee_id = $1 AND s.published_from <= $2
            AND s.recorded_from <= $3 AND $3 < s.recorded_until
    ) s
    CROSS JOIN LATERAL last_began(s.moments, s.codes) b;
END;

-- The moment of record time within a period since which a release event has the status of its end; null
-- if it had that status throughout.
CREATE FUNCTION status_recorded_since(
    release_event_id uuid, as_of timestamptz, after timestamptz, until timestamptz,
    required integer, kind text
) RETURNS TABLE (since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(b.moment, $3)
    FROM (
        SELECT array_agg(m.moment) AS moments, array_agg(k.status) AS statuses
        FROM (
            SELECT $3 UNION SELECT $4 UNION
            SELECT c.moment FROM moments_of_change(NULL, ARRAY[$1], $3, $4) c
        ) m (moment)
        LEFT JOIN LATERAL stored_status_of_kind($1, $2, m.moment, $5, $6) k ON true
    ) s
    CROSS JOIN LATERAL last_began(s.moments, s.statuses) b;
END;

-- The same of the stored status of a person.
CREATE FUNCTION code_recorded_since(
    detainee_id uuid, as_of timestamptz, after timestamptz, until timestamptz, required integer
) RETURNS TABLE (since timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(b.moment, $3)
    FROM (
        SELECT array_agg(m.moment) AS moments, array_agg(k.code) AS codes
        FROM (
            SELECT $3 UNION SELECT $4 UNION
            SELECT c.moment FROM moments_of_change($1, '{}', $3, $4) c
        ) m (moment)
        LEFT JOIN LATERAL stored_code($1, $2, m.moment, $5) k ON true
    ) s
    CROSS JOIN LATERAL last_began(s.moments, s.codes) b;
END;

-- Since when a person counts as at the later pair of moments: the publication time if it lies between
-- them, otherwise the moment of record time. Later changes that leave the status as it is do not move
-- it. The status comes before a re-arrest, and a re-arrest before the values that filters ask for.
CREATE FUNCTION moment_of_difference(
    detainee_id uuid, earlier_event_id uuid, later_event_id uuid, as_of timestamptz,
    moment timestamptz, later_as_of timestamptz, later_moment timestamptz, required integer,
    kind text, before text, after text, sees_hidden boolean
) RETURNS TABLE (at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(
        (
            SELECT s.since
            FROM status_holds_since(coalesce($3, $2), $6, $7, $8, $9, $11) s
            WHERE s.since > $4
        ),
        (SELECT c.since FROM code_holds_since($1, $6, $7, $8) c WHERE c.since > $4),
        (
            -- A re-arrest among the release events that match filters.
            SELECT max(o.published_from) FROM person_statuses o
            WHERE o.detainee_id = $1 AND o.published_from > $4 AND o.published_from <= $6
                AND o.recorded_from <= $7 AND $7 < o.recorded_until
        ),
        CASE WHEN $10 IS DISTINCT FROM $11 THEN (
            SELECT r.since FROM status_recorded_since(coalesce($3, $2), $6, $5, $7, $8, $9) r
        ) END,
        (SELECT c.since FROM code_recorded_since($1, $6, $5, $7, $8) c),
        (
            -- A value, which no stored status has.
            SELECT max(l.recorded_at)
            FROM (
                SELECT unnest(ARRAY[$1, $2, $3]) AS id
                UNION ALL
                SELECT t.id FROM detentions_perhaps_of($1) t
            ) i
            JOIN ledger l ON l.resource_id = i.id
            WHERE l.action <> 'read' AND l.recorded_at > $5 AND l.recorded_at <= $7
                AND (l.resource <> 'detention' OR l.entry ->> 'detainee_id' = $1::text)
                AND (l.public_seq IS NOT NULL OR $12)
        ),
        -- A merge or a split.
        (SELECT max(c.moment) FROM moments_of_change($1, ARRAY[$2, $3], $5, $7) c)
    );
END;

-- These release events and those that they were merged into.
CREATE FUNCTION with_surviving_release_events(ids uuid[]) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE chain AS (
        SELECT e.id, e.merged_into FROM release_events e WHERE e.id = ANY ($1)
        UNION
        SELECT e.id, e.merged_into FROM chain c JOIN release_events e ON e.id = c.merged_into
    )
    SELECT c.id FROM chain c;
END;

-- Whether an attestation was live or retracted at a pair of moments; no row if it was not both recorded
-- and published, was void, or belonged to another release event than these.
CREATE FUNCTION attestation_state(
    id uuid, as_of timestamptz, moment timestamptz, release_event_ids uuid[]
) RETURNS TABLE (state text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN (r.entry ->> 'retracted_at')::timestamptz <= $2 THEN 'retracted' ELSE 'live' END
    FROM recorded($1, $3) r
    WHERE r.entry ->> 'voided_at' IS NULL AND (r.entry ->> 'published_at')::timestamptz <= $2
        AND (r.entry ->> 'release_event_id')::uuid = ANY ($4);
END;

-- Whether an attestation adds to the verdict of a release event at a pair of moments.
CREATE FUNCTION attestation_counts(
    attestation_id uuid, release_event_id uuid, as_of timestamptz, moment timestamptz
) RETURNS TABLE (counts boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT NOT EXISTS (
        SELECT FROM (
            SELECT x.reason FROM verdict_parts x
            WHERE x.release_event_id = $2 AND x.attestation_id = $1 AND x.published_from <= $3
                AND x.recorded_from <= $4 AND $4 < x.recorded_until
            ORDER BY x.published_from DESC
            LIMIT 1
        ) x
        WHERE x.reason IS NOT NULL
    );
END;

-- The attestations of release events that became live, or ceased to be, between two pairs of moments.
-- `effect` is 1 if this speaks for the release, -1 if against it, 0 if neither.
CREATE FUNCTION attestations_changed(
    earlier_event_id uuid, later_event_id uuid, as_of timestamptz, moment timestamptz,
    later_as_of timestamptz, later_moment timestamptz
) RETURNS TABLE (id uuid, source_id uuid, action text, effect integer, counts boolean)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.id, a.source_id, x.action,
        CASE
            WHEN b.state IS NULL AND c.state = 'retracted' THEN 0
            WHEN (c.state = 'live') = (a.stance = 'confirms') THEN 1
            ELSE -1
        END,
        CASE
            WHEN c.state = 'live' THEN (SELECT t.counts FROM attestation_counts(a.id, $2, $5, $6) t)
            WHEN b.state = 'live' THEN (SELECT t.counts FROM attestation_counts(a.id, $1, $3, $4) t)
            ELSE false
        END
    FROM with_surviving_release_events(ARRAY[$1, $2]) e
    CROSS JOIN LATERAL (
        SELECT o.id, o.source_id, o.stance, o.published_at
        FROM attestations o WHERE o.release_event_id = e.id
        OFFSET 0
    ) a
    LEFT JOIN LATERAL attestation_state(a.id, $3, $4, ARRAY[$1, $2]) b ON true
    LEFT JOIN LATERAL attestation_state(a.id, $5, $6, ARRAY[$1, $2]) c ON true
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN c.state = 'retracted' THEN 'retracted'
            WHEN c.state IS NULL THEN 'voided'
            WHEN a.published_at > $3 THEN 'published'
            ELSE 'recorded'
        END AS action
    ) x
    WHERE b.state IS DISTINCT FROM c.state
        -- One that was moved to another release event by a merge or a split is not void.
        AND (c.state IS NOT NULL OR EXISTS (
            SELECT FROM recorded(a.id, $6) r WHERE r.entry ->> 'voided_at' IS NOT NULL
        ));
END;

-- The affiliations, merges and splits that were recorded, changed or undone when a person's status or
-- a verdict of the person's release events changed, as a caller sees them.
CREATE FUNCTION links_changed(
    detainee_id uuid, release_event_ids uuid[], after timestamptz, until timestamptz,
    sees_hidden boolean
) RETURNS TABLE (resource text, affiliation_id uuid, source_id uuid, action text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH entries AS (
        SELECT l.seq, l.recorded_at, l.resource, l.resource_id, l.action
        FROM (SELECT DISTINCT c.moment FROM moments_of_change($1, $2, $3, $4) c) m
        JOIN ledger l ON l.recorded_at = m.moment
        WHERE l.resource IN ('affiliation', 'merge', 'split') AND l.action <> 'read'
    ), attesting_sources AS (
        SELECT visible_source_id(a.source_id, true, NULL) AS id
        FROM attestations a WHERE a.release_event_id = ANY ($2)
        UNION
        SELECT visible_source_id(r.relayed_source_id, true, NULL)
        FROM attestations a JOIN attestation_relays r ON r.attestation_id = a.id
        WHERE a.release_event_id = ANY ($2) AND r.relayed_source_id IS NOT NULL
    )
    SELECT n.resource, f.id, f.source_id, CASE n.action WHEN 'created' THEN 'affiliated' ELSE n.action END
    FROM entries n
    JOIN surviving_affiliations f ON n.resource = 'affiliation' AND f.id = n.resource_id
    WHERE ($5 OR NOT involve_confidential(ARRAY[f.source_id, f.with_source_id]))
        -- Of the affiliations of an import, those of the sources that attest to the release.
        AND (
            EXISTS (SELECT FROM attesting_sources s WHERE s.id IN (f.source_id, f.with_source_id))
            OR NOT EXISTS (
                SELECT FROM entries o
                WHERE o.recorded_at = n.recorded_at AND o.resource = 'affiliation' AND o.seq <> n.seq
            )
        )
    UNION
    SELECT n.resource, NULL, g.into_source_id, CASE n.action WHEN 'created' THEN 'merged' ELSE n.action END
    FROM entries n
    JOIN visible_merges($5) g ON n.resource = 'merge' AND g.id = n.resource_id
    WHERE g.source_id IS NOT NULL OR $1 IN (g.detainee_id, g.into_id)
    UNION
    SELECT n.resource, NULL, NULL, CASE n.action WHEN 'created' THEN 'split' ELSE n.action END
    FROM entries n
    JOIN visible_splits($5) p ON n.resource = 'split' AND p.id = n.resource_id
    WHERE $1 IN (p.detainee_id, p.new_detainee_id);
END;

-- The corrections of a person, of the person's detentions and of release events in a period of record
-- time. Detentions only if `detentions_decide`: for a re-arrest, or a filter by facility. Updates of the
-- person and of release events only if `filters_decide`.
CREATE FUNCTION records_changed(
    detainee_id uuid, release_event_ids uuid[], after timestamptz, until timestamptz,
    detentions_decide boolean, filters_decide boolean, sees_hidden boolean
) RETURNS TABLE (resource text, action text)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.resource, CASE l.action WHEN 'created' THEN 'recorded' ELSE l.action END
    FROM (
        SELECT unnest($2) AS id, ARRAY['voided', 'undone'] AS actions
        UNION ALL
        SELECT unnest($2), ARRAY['updated'] WHERE $6
        UNION ALL
        SELECT t.id, ARRAY['created', 'updated', 'voided', 'undone']
        FROM detentions_perhaps_of($1) t WHERE $5
        UNION ALL
        SELECT $1, ARRAY['updated'] WHERE $6
    ) i
    CROSS JOIN LATERAL (
        SELECT l.resource, l.action FROM ledger l
        WHERE l.resource_id = i.id AND l.recorded_at > $3 AND l.recorded_at <= $4
            AND l.action = ANY (i.actions) AND (l.public_seq IS NOT NULL OR $7)
            -- A merge or a split may have moved a detention to the person, or from the person.
            AND (l.resource <> 'detention' OR l.entry ->> 'detainee_id' = $1::text)
    ) l
    GROUP BY l.resource, l.action;
END;
