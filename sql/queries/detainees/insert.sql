-- Inserts a person.
INSERT INTO detainees (
    id, name, aliases, sex, birth_date, age_group, nationalities, occupation, external_ids,
    withheld, accepted
)
VALUES (
    %(id)s, %(name)s, %(aliases)s, %(sex)s, %(birth_date)s,
    %(age_group)s, %(nationalities)s, %(occupation)s, %(external_ids)s,
    %(withheld)s, %(accepted)s
)
