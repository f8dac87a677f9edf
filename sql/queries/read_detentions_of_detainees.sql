-- These people's detentions in order, and from when on each counts: a day begins at midnight UTC,
-- and one of unknown date counts since it was entered.
SELECT t.detainee_id, t.id, t.facility_id,
    CASE
        WHEN t.detained_on IS NULL THEN t.created_at
        ELSE t.began_on::timestamp AT TIME ZONE 'UTC'
    END AS began_at
FROM detentions t
WHERE t.detainee_id = ANY (%(detainee_ids)s)
ORDER BY t.detainee_id, t.began_on, t.created_at, t.id
