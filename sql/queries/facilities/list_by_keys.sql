-- Lists the facilities with one of some keys, in order of creation.
SELECT f.id, f.region, k.key
FROM facility_keys k JOIN facilities f ON f.id = k.facility_id
WHERE k.key = ANY (%(keys)s::text[])
    AND f.country = %(country)s -- if country
ORDER BY f.created_at, f.id
