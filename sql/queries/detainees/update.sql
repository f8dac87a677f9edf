-- Updates the given properties of a person.
UPDATE detainees SET
    name = %(name)s, -- if name
    aliases = %(aliases)s, -- if aliases
    sex = %(sex)s, -- if sex
    birth_date = %(birth_date)s, -- if birth_date
    age_group = %(age_group)s, -- if age_group
    nationalities = %(nationalities)s, -- if nationalities
    occupation = %(occupation)s, -- if occupation
    external_ids = %(external_ids)s, -- if external_ids
    withheld = %(withheld)s, -- if withheld
    accepted = %(accepted)s OR accepted,
    updated_at = now()
WHERE id = %(id)s
RETURNING id
