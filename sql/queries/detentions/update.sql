-- Updates the given properties of a detention.
UPDATE detentions SET
    facility_id = %(facility_id)s, -- if facility_id
    detained_on = %(detained_on)s, -- if detained_on
    began_on = %(began_on)s, -- if began_on
    authority = %(authority)s, -- if authority
    charges = %(charges)s, -- if charges
    whereabouts = %(whereabouts)s, -- if whereabouts
    updated_at = now()
WHERE id = %(id)s
RETURNING id
