-- Finds, for each of some names, the facilities that share most keys with it.
-- At most `max_per_key` facilities of a key, and the likeliest 20 of a name: to compare a name with all
-- that share a key took 27 ms, among 3,000 facilities with similar names.
WITH shared AS (
    SELECT a.index, c.facility_id, count(*) AS shared_keys
    FROM unnest(%(indexes)s::integer[], %(keys)s::text[]) AS a (index, key)
    CROSS JOIN LATERAL (
        SELECT k.facility_id FROM facility_keys k
        WHERE k.key = a.key
        ORDER BY k.facility_id
        LIMIT %(max_per_key)s
    ) c
    GROUP BY a.index, c.facility_id
), likeliest AS (
    SELECT s.index, s.facility_id,
        row_number() OVER (PARTITION BY s.index ORDER BY s.shared_keys DESC, s.facility_id) AS rank
    FROM shared s
)
SELECT l.index, f.id, f.name, f.aliases
FROM likeliest l JOIN facilities f ON f.id = l.facility_id
WHERE l.rank <= 20
