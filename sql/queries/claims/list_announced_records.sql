-- Lists the ids of all records that an announcement and the releases of its people refer to.
-- These are the claims that count its delivery, other announcements of these releases, the claims that they
-- relay, the facilities, and the sources, with all sources affiliated with them, directly or through others.
-- With OFFSET 0 each join is a look-up, whatever number of rows the planner expects of the recursion.
WITH RECURSIVE claimed (id, source_id, facility_id, announcement_id, relays) AS (
    SELECT c.id, c.source_id, c.facility_id, c.announcement_id, c.relays
    FROM claims k CROSS JOIN LATERAL visible_claim(k, %(sees_hidden)s, NULL) c
    WHERE k.voided_at IS NULL AND (
        k.id = %(id)s OR k.announcement_id = %(id)s OR k.id = ANY (ARRAY(
            SELECT r.announcement_id FROM release_events_of_announced_people(%(id)s) r
        ))
    )
    UNION
    SELECT o.id, o.source_id, o.facility_id, o.announcement_id, o.relays
    FROM claimed t
    CROSS JOIN LATERAL (
        SELECT (r.relay ->> 'claim_id')::uuid AS id FROM jsonb_array_elements(t.relays) r (relay)
        UNION ALL
        SELECT t.announcement_id
    ) f
    CROSS JOIN LATERAL (
        SELECT c.id, c.source_id, c.facility_id, c.announcement_id, c.relays
        FROM claims k CROSS JOIN LATERAL visible_claim(k, %(sees_hidden)s, NULL) c
        WHERE k.id = f.id OFFSET 0
    ) o
), attested (id, source_id) AS (
    SELECT a.id, a.source_id
    FROM release_events_of_announced_people(%(id)s) e CROSS JOIN LATERAL (
        SELECT w.id, w.source_id FROM visible_attestations(%(sees_hidden)s) w
        WHERE w.release_event_id = e.id AND w.voided_at IS NULL OFFSET 0
    ) a
), related (source_id) AS (
    SELECT s.source_id
    FROM (
        SELECT t.source_id FROM claimed t
        UNION
        SELECT (r.relay ->> 'source_id')::uuid
        FROM claimed t CROSS JOIN LATERAL jsonb_array_elements(t.relays) r (relay)
        UNION
        SELECT a.source_id FROM attested a
        UNION
        SELECT visible_source_id(r.relayed_source_id, %(sees_hidden)s, NULL)
        FROM attested a CROSS JOIN LATERAL (
            SELECT o.relayed_source_id FROM attestation_relays o WHERE o.attestation_id = a.id OFFSET 0
        ) r
    ) s
    WHERE s.source_id IS NOT NULL
    UNION
    SELECT f.other_id FROM related t CROSS JOIN LATERAL (
        SELECT a.with_source_id AS other_id FROM affiliations a
        WHERE a.source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT a.source_id FROM affiliations a
        WHERE a.with_source_id = t.source_id AND a.voided_at IS NULL
        UNION ALL
        SELECT s.vouched_by FROM visible_sources(%(sees_hidden)s) s WHERE s.id = t.source_id
        UNION ALL
        SELECT s.merged_into FROM sources s WHERE s.id = t.source_id
        UNION ALL
        SELECT s.id FROM sources s WHERE s.merged_into = t.source_id
    ) f
    WHERE f.other_id IS NOT NULL
), placed (facility_id) AS (
    SELECT t.facility_id FROM claimed t
    UNION
    SELECT d.facility_id
    FROM release_events e CROSS JOIN LATERAL (
        SELECT h.facility_id
        FROM visible_detentions(%(sees_hidden)s) h
        WHERE h.detainee_id = e.detainee_id AND h.voided_at IS NULL
        OFFSET 0
    ) d
    WHERE e.announcement_id = %(id)s AND e.voided_at IS NULL
)
SELECT 'sources' AS list, t.source_id AS id FROM related t
UNION ALL
SELECT 'affiliations', a.id
FROM related t CROSS JOIN LATERAL (
    SELECT b.id FROM affiliations b WHERE b.source_id = t.source_id AND b.voided_at IS NULL OFFSET 0
) a
UNION ALL
SELECT 'facilities', p.facility_id FROM placed p WHERE p.facility_id IS NOT NULL
UNION ALL
SELECT DISTINCT 'claims', t.id FROM claimed t
