-- Release events: the assertion that a detention ended on a day.
CREATE TABLE release_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    detainee_id uuid NOT NULL CONSTRAINT release_event_detainee_exists REFERENCES detainees,
    detention_id uuid NOT NULL,
    occurred_on date NOT NULL,
    place text,
    announcement_id uuid CONSTRAINT release_event_announcement_exists REFERENCES claims,
    merged_into uuid
        CONSTRAINT release_event_was_merged_into_a_release_event REFERENCES release_events,
    -- Set if entered by mistake: the event is then void with its attestations. Null again once the
    -- voiding is undone.
    voided_at timestamptz,
    void_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT release_event_ends_a_detention_of_the_detainee
        FOREIGN KEY (detention_id, detainee_id) REFERENCES detentions (id, detainee_id),
    -- Days at most three apart are one event.
    CONSTRAINT one_release_event_within_three_days
        EXCLUDE USING gist (
            detention_id WITH =, daterange(occurred_on, occurred_on + 3, '[]') WITH &&
        ) WHERE (voided_at IS NULL)
);

CREATE INDEX release_events_of_detainee ON release_events (detainee_id, id);
-- In addition to the GiST index of the constraint, whose look-ups are slower. Where a query leaves out
-- void events, the planner would take that one for `detention_id =`: 25,000 look-ups took 570 ms, and
-- with IS NOT DISTINCT FROM, by the index of the person, 150 ms.
CREATE INDEX release_events_of_detention ON release_events (detention_id);
CREATE INDEX release_events_by_day ON release_events (occurred_on, id);
CREATE INDEX release_events_of_announcement ON release_events (announcement_id, id);

GRANT SELECT, INSERT, UPDATE, MAINTAIN ON release_events TO constancia_service;

-- The release events that a caller sees, without merged duplicates, each with its person by name.
-- Everybody sees whether and when one was voided. `is_hidden` if the name is hidden from others.
CREATE FUNCTION release_events_with_person(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, detainee json, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, voided_at timestamptz, void_reason text, created_at timestamptz,
    updated_at timestamptz, is_hidden boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detainee_id,
        (SELECT row_to_json(p) FROM (SELECT d.id, d.name, d.is_named) p),
        e.detention_id, e.occurred_on,
        CASE WHEN d.is_shown THEN e.place END,
        e.announcement_id, e.voided_at,
        CASE WHEN d.is_shown THEN e.void_reason END,
        e.created_at,
        CASE WHEN d.is_shown THEN e.updated_at ELSE e.created_at END,
        NOT d.is_named
    FROM release_events e
    CROSS JOIN LATERAL (
        -- OFFSET 0 makes this a look-up for each event, so that a list keeps its index order.
        SELECT v.id, v.name, v.is_named, v.is_named OR $1 AS is_shown
        FROM visible_detainees($1) v WHERE v.id = e.detainee_id
        OFFSET 0
    ) d
    WHERE e.merged_into IS NULL;
END;

-- These without their persons, as the ledger has them.
CREATE FUNCTION visible_release_events(sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, voided_at timestamptz, void_reason text, created_at timestamptz,
    updated_at timestamptz
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detainee_id, e.detention_id, e.occurred_on, e.place, e.announcement_id,
        e.voided_at, e.void_reason, e.created_at, e.updated_at
    FROM release_events_with_person($1) e;
END;

-- One of these, by id. OFFSET 0 keeps the look-up by id when a filter follows.
CREATE FUNCTION release_event_with_person(id uuid, sees_hidden boolean) RETURNS TABLE (
    id uuid, detainee_id uuid, detainee json, detention_id uuid, occurred_on date, place text,
    announcement_id uuid, voided_at timestamptz, void_reason text, created_at timestamptz,
    updated_at timestamptz, is_hidden boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id, e.detainee_id, e.detainee, e.detention_id, e.occurred_on, e.place,
        e.announcement_id, e.voided_at, e.void_reason, e.created_at, e.updated_at, e.is_hidden
    FROM release_events_with_person($2) e
    WHERE e.id = $1
    OFFSET 0;
END;

-- All release events of each person who has one for an announcement, with the announcement of each.
CREATE FUNCTION release_events_of_announced_people(announcement_id uuid)
    RETURNS TABLE (id uuid, announcement_id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT o.id, o.announcement_id
    FROM (
        SELECT DISTINCT e.detainee_id FROM release_events e
        WHERE e.announcement_id = $1 AND e.voided_at IS NULL AND e.merged_into IS NULL
    ) p
    CROSS JOIN LATERAL (
        -- OFFSET 0: look up these few rows, whatever number the planner expects.
        SELECT e.id, e.announcement_id FROM release_events e
        WHERE e.detainee_id = p.detainee_id AND e.voided_at IS NULL AND e.merged_into IS NULL
        OFFSET 0
    ) o;
END;

-- The release events of the detentions at a facility, as far as a caller may know the facility.
CREATE FUNCTION release_events_at(facility_id uuid, sees_hidden boolean) RETURNS TABLE (id uuid)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT e.id
    FROM detentions_ever_at(ARRAY[$1], $2) i
    CROSS JOIN LATERAL (
        -- OFFSET 0, here and below: look up each record, whatever number the planner expects.
        -- Not `=`, so that the index of facilities is not taken.
        SELECT o.id, o.detainee_id FROM detentions o
        WHERE o.id = i.id AND o.facility_id IS NOT DISTINCT FROM $1 AND o.merged_into IS NULL
        OFFSET 0
    ) t
    CROSS JOIN LATERAL (
        SELECT o.id FROM release_events o
        WHERE o.detainee_id = t.detainee_id AND o.detention_id = t.id
        OFFSET 0
    ) e;
END;
