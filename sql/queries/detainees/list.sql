-- Lists people with their latest detention.
SELECT d.id, d.name, d.is_named, d.withheld, d.aliases, d.sex, d.birth_date, d.age_group,
    d.nationalities, d.occupation, d.external_ids, d.detention, d.custody, NULL AS match,
    d.created_at, d.updated_at, NOT d.is_named AS is_hidden
FROM detainees_with_custody(%(sees_hidden)s) d
WHERE true
    AND d.id = %(id)s -- if id
    AND d.id > %(after)s -- if after
ORDER BY d.id
LIMIT %(limit)s
