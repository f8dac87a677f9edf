-- Recorded release events: one as it stood at a moment of record time, as a caller may know it today.

-- A release event at a moment of record time, with its person by today's name, as a caller may know it
-- today. No row if it was void or merged by then, or if the caller may not know that its person became
-- that of today.
CREATE FUNCTION recorded_release_event(
    release_event_id uuid, moment timestamptz, sees_hidden boolean
) RETURNS TABLE (
    id uuid, detainee_id uuid, detainee json, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, created_at timestamptz, updated_at timestamptz, is_hidden boolean,
    recorded_detainee_id uuid, present_detention_id uuid, is_redacted boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT r.id, p.detainee_id,
        (SELECT row_to_json(n) FROM (SELECT d.id, d.name, d.is_named) n),
        r.detention_id, r.occurred_on,
        CASE WHEN NOT p.is_redacted AND NOT names_are_off() THEN r.place END,
        r.announcement_id, r.created_at,
        CASE WHEN p.is_redacted THEN r.created_at ELSE r.updated_at END,
        NOT d.is_named, r.detainee_id, p.detention_id, p.is_redacted
    FROM recorded($1, $2) x
    CROSS JOIN LATERAL jsonb_populate_record(NULL::release_events, x.entry) r
    CROSS JOIN LATERAL listed_person(r.detainee_id, r.id, NULL, $3) p
    CROSS JOIN LATERAL (
        SELECT v.id, v.name, v.is_named FROM visible_detainees($3) v WHERE v.id = p.detainee_id
        OFFSET 0
    ) d
    WHERE r.merged_into IS NULL AND r.voided_at IS NULL AND p.is_listed;
END;

-- Whether a caller may know, at the moment and today, that such an event is a release from a facility.
CREATE FUNCTION recorded_release_is_from(
    facility_id uuid, moment timestamptz, sees_hidden boolean, recorded_detainee_id uuid,
    detention_id uuid, detainee_id uuid, present_detention_id uuid, is_redacted boolean
) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce((
        SELECT f.are_met
        FROM recorded_filters_met($4, $5, $2, $3, ARRAY[$1], NULL, NULL, NULL) f
    ), false) AND (
        NOT $8
        OR coalesce((
            SELECT f.are_met FROM filters_met($6, $7, false, ARRAY[$1], NULL, NULL, NULL) f
        ), false)
    );
