-- What is recorded of these people, to see what a list adds to it; of who is hidden, nothing.
SELECT d.id, d.name, d.aliases, d.sex, d.birth_date, d.age_group, d.nationalities, d.occupation,
    d.external_ids, d.withheld, NOT d.is_named AND NOT %(sees_hidden)s AS is_hidden
FROM visible_detainees(%(sees_hidden)s) d
WHERE d.id = ANY (%(ids)s)
