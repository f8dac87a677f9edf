-- A person is no more found by other keys of spelling than these, nor as somebody who is hidden where
-- the person is not, or the other way round, or was born on another day.
DELETE FROM detainee_spellings s
USING detainees d
WHERE d.id = %(detainee_id)s AND s.detainee_id = d.id
    AND (
        s.spelling <> ALL (%(spellings)s)
        OR s.hidden <> is_hidden(d.age_group, d.withheld)
        OR s.born <> coalesce(d.birth_date, '-infinity')
    )
