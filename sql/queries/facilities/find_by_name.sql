-- Finds the facilities that share a key with a name.
-- At most `max_per_key` facilities of a key.
SELECT DISTINCT f.id, f.name, f.aliases
FROM unnest(%(keys)s::text[]) k (key)
CROSS JOIN LATERAL (
    SELECT o.id, o.name, o.aliases
    FROM facility_keys c
    CROSS JOIN LATERAL (
        SELECT p.id, p.name, p.aliases FROM facilities p
        WHERE p.id = c.facility_id
            AND p.country = %(country)s -- if country
        OFFSET 0
    ) o
    WHERE c.key = k.key
    ORDER BY c.facility_id
    LIMIT %(max_per_key)s
) f
