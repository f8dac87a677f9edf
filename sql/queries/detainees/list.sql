-- Lists people with their latest detention.
SELECT d.id, NULL::uuid AS merged_into, d.name, d.is_named, d.withheld, d.aliases, d.sex,
    d.birth_date, d.age_group, d.nationalities, d.occupation, d.external_ids, d.detention, d.custody,
    NULL AS match, d.created_at, d.updated_at, NOT d.is_named AS is_hidden
FROM detainees_with_custody(%(sees_hidden)s) d
WHERE true
    AND d.id = %(id)s -- if id
    AND d.id = ANY (ARRAY(SELECT i.id FROM detainees_with_external_id(%(external_id_key)s, %(sees_hidden)s) i)) -- if external_id_key
    AND d.custody = %(custody)s -- if custody
    AND d.detention ->> 'facility_id' = %(facility_id)s::text -- if facility_id
    AND %(nationality)s = ANY (d.nationalities) -- if nationality
    AND d.id > %(after)s -- if after
ORDER BY d.id
LIMIT %(limit)s
