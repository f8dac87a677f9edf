-- Updates the given properties of an affiliation.
UPDATE affiliations SET
    relation = %(relation)s, -- if relation
    valid_from = %(valid_from)s, -- if valid_from
    valid_until = %(valid_until)s, -- if valid_until
    updated_at = now()
WHERE id = %(id)s
RETURNING id
