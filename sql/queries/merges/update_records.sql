-- Updates the records of a merge or its undo in one statement, since they refer to each other.
-- The relays of the attestations `of_two_events` lose their release event (0010_attestations.sql).
WITH changed AS (
    SELECT r.resource, r.id, r.changes
    FROM jsonb_to_recordset(%(rows)s) AS r (resource text, id uuid, changes jsonb)
), merged_people AS (
    UPDATE detainees d SET updated_at = now(),
        (
            aliases, sex, birth_date, age_group, nationalities, occupation, external_ids,
            withheld, accepted, merged_into
        ) = (
            SELECT n.aliases, n.sex, n.birth_date, n.age_group, n.nationalities, n.occupation,
                n.external_ids, n.withheld, n.accepted, n.merged_into
            FROM jsonb_populate_record(d, c.changes) n
        )
    FROM changed c WHERE c.resource = 'detainee' AND d.id = c.id
), moved_detentions AS (
    UPDATE detentions t SET updated_at = now(),
        (
            detainee_id, facility_id, detained_on, began_on, authority, charges, whereabouts,
            counts_from_entry, accepted, merged_into
        ) = (
            SELECT n.detainee_id, n.facility_id, n.detained_on, n.began_on, n.authority, n.charges,
                n.whereabouts, n.counts_from_entry, n.accepted, n.merged_into
            FROM jsonb_populate_record(t, c.changes) n
        )
    FROM changed c WHERE c.resource = 'detention' AND t.id = c.id
), moved_events AS (
    UPDATE release_events e SET updated_at = now(),
        (detainee_id, detention_id, place, announcement_id, merged_into) = (
            SELECT n.detainee_id, n.detention_id, n.place, n.announcement_id, n.merged_into
            FROM jsonb_populate_record(e, c.changes) n
        )
    FROM changed c WHERE c.resource = 'release_event' AND e.id = c.id
), moved_attestations AS (
    UPDATE attestations a SET updated_at = now(),
        release_event_id = (c.changes ->> 'release_event_id')::uuid
    FROM changed c WHERE c.resource = 'attestation' AND a.id = c.id
)
UPDATE attestation_relays r SET release_event_id = CASE
    WHEN r.attestation_id = ANY (%(of_two_events)s) THEN NULL
    WHEN r.release_event_id IS NOT NULL THEN (c.changes ->> 'release_event_id')::uuid
END
FROM (
    SELECT c.id, c.changes FROM changed c WHERE c.resource = 'attestation'
    UNION ALL
    SELECT x.id, NULL FROM unnest(%(of_two_events)s::uuid[]) x (id)
) c
WHERE r.attestation_id = c.id
