-- What an announcement and all that was said of its releases names, by list: the claims that count
-- its delivery and those that they pass on, the facilities, and every source that is tied to one
-- of those who speak, since ties that go through a third make one group.
WITH RECURSIVE claimed (id) AS (
    SELECT c.id FROM claims c WHERE c.id = %(id)s OR c.announcement_id = %(id)s
    UNION
    SELECT f.id FROM claimed t JOIN claims c ON c.id = t.id CROSS JOIN LATERAL (
        SELECT (r.relay ->> 'claim_id')::uuid AS id
        FROM jsonb_array_elements(c.relays) AS r (relay)
        WHERE r.relay ->> 'claim_id' IS NOT NULL
        UNION ALL
        SELECT c.announcement_id WHERE c.announcement_id IS NOT NULL
    ) f
), announced (id, detainee_id) AS (
    SELECT e.id, e.detainee_id FROM release_events e WHERE e.announcement_id = %(id)s
), tied (source_id) AS (
    SELECT s.source_id
    FROM (
        SELECT c.source_id FROM claimed t JOIN claims c ON c.id = t.id
        UNION
        SELECT (r.relay ->> 'source_id')::uuid
        FROM claimed t JOIN claims c ON c.id = t.id
        CROSS JOIN LATERAL jsonb_array_elements(c.relays) AS r (relay)
        WHERE r.relay ->> 'source_id' IS NOT NULL
        UNION
        SELECT a.source_id FROM announced e JOIN attestations a ON a.release_event_id = e.id
        UNION
        SELECT r.relayed_source_id
        FROM announced e
        JOIN attestations a ON a.release_event_id = e.id
        JOIN relays r ON r.attestation_id = a.id
        WHERE r.relayed_source_id IS NOT NULL
    ) s
    UNION
    SELECT f.other_id FROM tied t CROSS JOIN LATERAL (
        SELECT a.with_source_id AS other_id FROM affiliations a WHERE a.source_id = t.source_id
        UNION ALL
        SELECT a.source_id FROM affiliations a WHERE a.with_source_id = t.source_id
    ) f
)
SELECT 'sources' AS list, t.source_id AS id FROM tied t
UNION
SELECT 'affiliations', a.id FROM tied t JOIN affiliations a ON a.source_id = t.source_id
UNION
SELECT 'facilities', c.facility_id FROM claimed t JOIN claims c ON c.id = t.id
WHERE c.facility_id IS NOT NULL
UNION
SELECT 'facilities', d.facility_id
FROM announced e JOIN detentions d ON d.detainee_id = e.detainee_id
WHERE d.facility_id IS NOT NULL
UNION
SELECT 'claims', t.id FROM claimed t
