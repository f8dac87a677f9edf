-- Lists the people that a search found, like detainees/list, in any order.
-- People hidden from the caller are left out.
SELECT d.id, NULL::uuid AS merged_into, d.name, d.is_named, d.withheld, d.aliases, d.sex,
    d.birth_date, d.age_group, d.nationalities, d.occupation, d.external_ids, d.detention, d.custody, m.match,
    d.created_at, d.updated_at, NOT d.is_named AS is_hidden
FROM unnest(%(ids)s::uuid[], %(matches)s::json[]) m (id, match)
JOIN detainees_with_custody(%(sees_hidden)s) d ON d.id = m.id
WHERE d.is_named OR %(sees_hidden)s
LIMIT %(limit)s
