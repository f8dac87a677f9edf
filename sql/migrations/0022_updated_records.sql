-- Updated records: what a follower of a list reads again.

-- The records of a kind with a public entry of the ledger since a moment.
CREATE FUNCTION records_updated_since(resource text, since timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.resource_id FROM ledger l
    WHERE l.resource = $1 AND l.recorded_at >= $2 AND l.public_seq IS NOT NULL;
END;

-- The public entries of a record since a moment.
CREATE FUNCTION updates_of_record(id uuid, since timestamptz) RETURNS TABLE (updated_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT l.recorded_at FROM ledger l
    WHERE l.resource_id = $1 AND l.recorded_at >= $2 AND l.public_seq IS NOT NULL;
END;

-- The release events whose verdict may have changed since a moment. Of the others, which were never
-- confirmed, disputed or refuted, only an attestation can change the status: when it is recorded, or
-- later, when it begins to count.
CREATE FUNCTION release_events_judged_since(since timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.id FROM records_updated_since('release_event', $1) u
    UNION ALL
    SELECT a.release_event_id
    FROM records_updated_since('attestation', $1) u
    CROSS JOIN LATERAL (
        -- OFFSET 0, here and below: look up each record, whatever number the planner expects.
        SELECT o.release_event_id FROM attestations o WHERE o.id = u.id OFFSET 0
    ) a
    UNION ALL
    SELECT f.release_event_id FROM feed_entries f WHERE f.recorded_at >= $1
    UNION ALL
    SELECT v.release_event_id FROM verdicts v
    WHERE v.published_from > v.recorded_from AND v.published_from >= $1
        AND v.published_from <= now();
END;

-- The release events that show something else since a moment: their own values, their verdict, or the
-- name of their person.
CREATE FUNCTION release_events_updated_since(since timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.id FROM release_events_judged_since($1) j
    UNION ALL
    SELECT e.id
    FROM records_updated_since('detainee', $1) u
    CROSS JOIN LATERAL (
        SELECT o.id FROM release_events o WHERE o.detainee_id = u.id OFFSET 0
    ) e;
END;

-- The hidden people of the groups that were disclosed since a moment. Their values are shown from then
-- on, and most of them have no entry of the ledger for it.
CREATE FUNCTION people_disclosed_since(since timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT p.id
    FROM disclosed_groups g
    CROSS JOIN LATERAL (
        SELECT d.id FROM detainees d
        WHERE d.age_group = g.age_group AND is_hidden(d.age_group, d.withheld)
        OFFSET 0
    ) p
    WHERE g.facility_id IS NULL AND g.disclosed_from >= $1
    UNION ALL
    SELECT t.detainee_id
    FROM disclosed_groups g
    JOIN facility_detentions f ON f.facility_id = g.facility_id AND f.hidden_group = g.age_group
    CROSS JOIN LATERAL (
        SELECT o.detainee_id FROM detentions o
        WHERE o.id = f.detention_id AND o.facility_id = f.facility_id AND o.voided_at IS NULL
        OFFSET 0
    ) t
    WHERE g.disclosed_from >= $1;
END;

-- The people who show something else since a moment: their own values, their latest detention, or
-- their custody.
CREATE FUNCTION detainees_updated_since(since timestamptz) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.id FROM records_updated_since('detainee', $1) u
    UNION ALL
    SELECT t.detainee_id
    FROM records_updated_since('detention', $1) u
    CROSS JOIN LATERAL (
        SELECT o.detainee_id FROM detentions o WHERE o.id = u.id OFFSET 0
    ) t
    UNION ALL
    SELECT e.detainee_id
    FROM release_events_judged_since($1) j
    CROSS JOIN LATERAL (
        SELECT o.detainee_id FROM release_events o WHERE o.id = j.id OFFSET 0
    ) e
    UNION ALL
    SELECT p.id FROM people_disclosed_since($1) p;
END;

-- The same for one record: if there is a row, the set has it. For a page of a list of most records.
CREATE FUNCTION judgements_of_release_event(release_event_id uuid, since timestamptz)
    RETURNS TABLE (judged_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.updated_at FROM updates_of_record($1, $2) u
    UNION ALL
    SELECT f.recorded_at FROM feed_entries f
    WHERE f.release_event_id = $1 AND f.recorded_at >= $2
    UNION ALL
    SELECT u.updated_at
    FROM attestations a CROSS JOIN LATERAL updates_of_record(a.id, $2) u
    WHERE a.release_event_id = $1
    UNION ALL
    SELECT v.published_from FROM verdicts v
    WHERE v.release_event_id = $1 AND v.published_from > v.recorded_from
        AND v.published_from >= $2 AND v.published_from <= now();
END;

CREATE FUNCTION updates_of_release_event(release_event_id uuid, since timestamptz)
    RETURNS TABLE (updated_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.judged_at FROM judgements_of_release_event($1, $2) j
    UNION ALL
    SELECT u.updated_at
    FROM release_events e CROSS JOIN LATERAL updates_of_record(e.detainee_id, $2) u
    WHERE e.id = $1;
END;

CREATE FUNCTION updates_of_detainee(detainee_id uuid, since timestamptz)
    RETURNS TABLE (updated_at timestamptz)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.updated_at FROM updates_of_record($1, $2) u
    UNION ALL
    SELECT u.updated_at
    FROM detentions t CROSS JOIN LATERAL updates_of_record(t.id, $2) u
    WHERE t.detainee_id = $1
    UNION ALL
    SELECT j.judged_at
    FROM release_events e CROSS JOIN LATERAL judgements_of_release_event(e.id, $2) j
    WHERE e.detainee_id = $1
    UNION ALL
    SELECT g.disclosed_from
    FROM detainees d JOIN disclosed_groups g ON g.age_group = d.age_group
    WHERE d.id = $1 AND is_hidden(d.age_group, d.withheld) AND g.disclosed_from >= $2
        AND (g.facility_id IS NULL OR EXISTS (
            SELECT FROM detentions t
            WHERE t.detainee_id = $1 AND t.facility_id = g.facility_id AND t.voided_at IS NULL
        ));
END;

-- The surviving record of a person or a release event.
CREATE FUNCTION surviving_detainee_id(id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE records AS (
        SELECT d.id, d.merged_into FROM detainees d WHERE d.id = $1
        UNION ALL
        SELECT d.id, d.merged_into FROM records r JOIN detainees d ON d.id = r.merged_into
    )
    SELECT r.id FROM records r WHERE r.merged_into IS NULL;
END;

CREATE FUNCTION surviving_release_event_id(id uuid) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id
    FROM with_surviving_release_events(ARRAY[$1]) s
    JOIN release_events e ON e.id = s.id
    WHERE e.merged_into IS NULL;
END;
