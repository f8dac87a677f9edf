-- Updates the given properties of a facility.
UPDATE facilities SET
    name = %(name)s, -- if name
    aliases = %(aliases)s, -- if aliases
    country = %(country)s, -- if country
    region = %(region)s, -- if region
    updated_at = now()
WHERE id = %(id)s
