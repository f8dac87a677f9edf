-- Updates the given properties of a detention.
-- One whose facility changes stays accepted only if the caller accepts the new one.
UPDATE detentions SET
    facility_id = %(facility_id)s, -- if facility_id
    detained_on = %(detained_on)s, -- if detained_on
    began_on = %(began_on)s, -- if began_on
    authority = %(authority)s, -- if authority
    charges = %(charges)s, -- if charges
    whereabouts = %(whereabouts)s, -- if whereabouts
    accepted = %(accepted)s OR accepted, -- unless facility_id
    accepted = %(accepted)s OR accepted AND facility_id IS NOT DISTINCT FROM %(facility_id)s, -- if facility_id
    updated_at = now()
WHERE id = %(id)s
RETURNING id
