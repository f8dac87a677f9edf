-- Updates the given properties of a source.
UPDATE sources SET
    name = %(name)s, -- if name
    kind = %(kind)s, -- if kind
    country = %(country)s, -- if country
    url = %(url)s, -- if url
    confidential = %(confidential)s, -- if confidential
    vouched_by = %(vouched_by)s, -- if vouched_by
    updated_at = now()
WHERE id = %(id)s
