-- These people's detentions in order, and from when on each counts.
SELECT t.detainee_id, t.id, t.facility_id,
    detention_began_at(t.detained_on, t.began_on, t.created_at) AS began_at
FROM detentions t
WHERE t.detainee_id = ANY (%(detainee_ids)s)
ORDER BY t.detainee_id, t.began_on, t.created_at, t.id
