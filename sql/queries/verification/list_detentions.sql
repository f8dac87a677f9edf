-- These people's detentions in order, where the public may know of it, and from when on each counts.
SELECT t.detainee_id, t.id,
    disclosed_facility(d.age_group, d.withheld, t.facility_id, 'infinity') AS facility_id,
    detention_began_at(t.detained_on, t.began_on, t.created_at) AS began_at
FROM detentions t JOIN detainees d ON d.id = t.detainee_id
WHERE t.detainee_id = ANY (%(detainee_ids)s)
ORDER BY t.detainee_id, t.began_on, t.created_at, t.id
