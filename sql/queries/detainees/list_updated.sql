-- Lists the people whose shown values changed since a moment, like detainees/list.
-- Also duplicates, which have the values of the surviving record. At most `max_scanned` are compared.
SELECT k.id, CASE WHEN d.id <> k.id THEN d.id END AS merged_into, d.name, d.is_named, d.withheld,
    d.aliases, d.sex, d.birth_date, d.age_group, d.nationalities, d.occupation, d.external_ids,
    d.detention, d.custody, NULL AS match, d.created_at, d.updated_at, NOT d.is_named AS is_hidden,
    d.id IS NOT NULL AS is_met, k.ends_scan
FROM (
    SELECT k.id, row_number() OVER (ORDER BY k.id) = %(max_scanned)s AS ends_scan
    FROM detainees k
    WHERE true
        AND k.id = ANY (ARRAY(SELECT u.id FROM detainees_updated_since(%(updated_since)s) u)) -- unless are_many
        AND k.id > %(after)s -- if after
    ORDER BY k.id
    LIMIT %(max_scanned)s
) k
LEFT JOIN (
    LATERAL (
        SELECT s.id FROM surviving_detainee_id(k.id) s
        WHERE true
            AND EXISTS (SELECT FROM updates_of_detainee(k.id, %(updated_since)s)) -- if are_many
        OFFSET 0
    ) s
    CROSS JOIN LATERAL detainee_with_custody(s.id, %(sees_hidden)s) d
) ON true
    AND d.id = ANY (ARRAY(SELECT i.id FROM detainees_with_external_id(%(external_id_key)s, %(sees_hidden)s) i)) -- if external_id_key
    AND d.custody = %(custody)s -- if custody
    AND d.detention ->> 'facility_id' = %(facility_id)s::text -- if facility_id
    AND %(nationality)s = ANY (d.nationalities) -- if nationality
WHERE d.id IS NOT NULL OR k.ends_scan
ORDER BY k.id
LIMIT %(limit)s
