-- Every affiliation that can be reached, through any others, from a source that an event names, or
-- would name. The rule picks those in force. A confidential source that is named is tied to who
-- vouches for it, whenever that is; others whom that one vouches for are none of this event's.
WITH RECURSIVE named AS (
    SELECT a.source_id FROM attestations a WHERE a.release_event_id = %(release_event_id)s
    UNION
    SELECT r.relayed_source_id
    FROM attestations a JOIN attestation_relays r ON r.attestation_id = a.id
    WHERE a.release_event_id = %(release_event_id)s AND r.relayed_source_id IS NOT NULL
    UNION -- if source_ids
    SELECT unnest(%(source_ids)s::uuid[]) -- if source_ids
), vouched_for AS (
    SELECT s.id, s.vouched_by FROM named n CROSS JOIN LATERAL (
        SELECT o.id, o.vouched_by FROM sources o WHERE o.id = n.source_id OFFSET 0
    ) s
    WHERE s.vouched_by IS NOT NULL
), tied (source_id) AS (
    SELECT b.source_id
    FROM (
        SELECT n.source_id FROM named n
        UNION
        SELECT v.vouched_by FROM vouched_for v
    ) b
    UNION
    SELECT f.other_id FROM tied t CROSS JOIN LATERAL (
        SELECT a.with_source_id AS other_id FROM affiliations a WHERE a.source_id = t.source_id
        UNION ALL
        SELECT a.source_id FROM affiliations a WHERE a.with_source_id = t.source_id
    ) f
)
SELECT a.source_id::text, a.with_source_id::text, a.valid_from, a.valid_until, false AS vouches
FROM tied t CROSS JOIN LATERAL (
    -- OFFSET 0: whatever the planner makes of the recursion, each source is looked up.
    SELECT b.source_id, b.with_source_id, b.valid_from, b.valid_until
    FROM affiliations b WHERE b.source_id = t.source_id OFFSET 0
) a
UNION ALL
SELECT v.id::text, v.vouched_by::text, NULL, NULL, true FROM vouched_for v
