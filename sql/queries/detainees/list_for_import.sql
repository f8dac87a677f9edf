-- Lists people as recorded, for the row plan of an import; redacted if hidden from the caller.
SELECT d.id, d.name, d.aliases, d.sex, d.birth_date, d.age_group, d.nationalities, d.occupation,
    d.external_ids, d.withheld, NOT d.is_named AND NOT %(sees_hidden)s AS is_hidden
FROM visible_detainees(%(sees_hidden)s) d
WHERE d.id = ANY (%(ids)s)
