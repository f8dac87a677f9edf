-- Lists and locks the release events whose groups a change of an affiliation can change.
-- Such an event has an attestation that names one of the two sources, or a source that is affiliated
-- with one of them through others. At the moment that decides the groups of the event, the
-- affiliation is in force before the change or after it, but not both. Without a period before the
-- change, it is recorded, voided or restored: all events at whose moment it is in force are listed.
-- People are locked in order, so that two changes never deadlock.
WITH RECURSIVE affiliated (source_id) AS (
    SELECT s.source_id FROM unnest(ARRAY[%(source_id)s, %(with_source_id)s]::uuid[]) s (source_id)
    UNION
    SELECT f.other_id FROM affiliated t CROSS JOIN LATERAL (
        SELECT a.with_source_id AS other_id FROM affiliations a
        WHERE a.source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT a.source_id FROM affiliations a
        WHERE a.with_source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT s.id FROM sources s WHERE s.vouched_by = t.source_id
        UNION ALL
        SELECT s.id FROM sources s WHERE s.merged_into = t.source_id
        UNION ALL
        SELECT s.merged_into FROM sources s WHERE s.id = t.source_id
    ) f
    WHERE f.other_id IS NOT NULL
), naming AS (
    -- OFFSET 0: look up each source and event, whatever number of rows the planner expects.
    SELECT w.release_event_id FROM affiliated t CROSS JOIN LATERAL (
        SELECT a.release_event_id FROM attestations a WHERE a.source_id = t.source_id OFFSET 0
    ) w
    UNION
    SELECT w.release_event_id FROM affiliated t CROSS JOIN LATERAL (
        SELECT r.release_event_id FROM attestation_relays r WHERE r.relayed_source_id = t.source_id OFFSET 0
    ) w
)
SELECT e.id, e.detainee_id
FROM naming n
CROSS JOIN LATERAL (
    SELECT r.id, r.detainee_id FROM release_events r WHERE r.id = n.release_event_id OFFSET 0
) e
JOIN detainees d ON d.id = e.detainee_id
CROSS JOIN LATERAL (
    SELECT min(a.published_at) AS moment
    FROM attestations a WHERE a.release_event_id = e.id AND a.voided_at IS NULL
) earliest
WHERE (
    %(was_in_force)s
    AND (%(old_from)s::timestamptz IS NULL OR %(old_from)s <= earliest.moment)
    AND (%(old_until)s::timestamptz IS NULL OR earliest.moment < %(old_until)s)
) <> (
    (%(new_from)s::timestamptz IS NULL OR %(new_from)s <= earliest.moment)
    AND (%(new_until)s::timestamptz IS NULL OR earliest.moment < %(new_until)s)
)
ORDER BY e.detainee_id, e.id
FOR NO KEY UPDATE OF d
