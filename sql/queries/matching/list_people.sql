-- Lists people for comparison, without those hidden from the caller.
SELECT d.id, d.is_named, d.name, d.aliases, d.birth_date::text AS birth_date, d.nationalities, d.sex,
    d.external_ids, t.facility_id::text AS facility_id, t.detained_on
FROM visible_detainees(%(sees_hidden)s) d
LEFT JOIN LATERAL latest_detention(d.id) t ON true
WHERE d.id = ANY (%(ids)s) AND (d.is_named OR %(sees_hidden)s)
ORDER BY d.id
