-- Deletes the name keys of a person that no longer apply.
DELETE FROM name_keys s
USING detainees d
WHERE d.id = %(detainee_id)s AND s.detainee_id = d.id
    AND (
        s.name_key <> ALL (%(name_keys)s)
        OR s.hidden <> is_hidden(d.age_group, d.withheld)
        OR s.birth_date <> coalesce(d.birth_date, '-infinity')
    )
