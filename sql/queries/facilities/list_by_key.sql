-- Lists the facilities of a country with a key, in order of creation.
SELECT f.id, f.region
FROM facility_keys k JOIN facilities f ON f.id = k.facility_id
WHERE k.key = %(key)s AND f.country = %(country)s
ORDER BY f.created_at, f.id
