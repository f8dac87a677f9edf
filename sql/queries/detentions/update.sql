-- Updates the given properties of a detention.
-- One whose facility changes stays accepted only if the caller accepts the new one. One of a hidden
-- person whose day changes counts from its entry on: the new day was never public.
UPDATE detentions SET
    facility_id = %(facility_id)s, -- if facility_id
    detained_on = %(detained_on)s, -- if detained_on
    counts_from_entry = %(detained_on)s IS DISTINCT FROM detained_on AND EXISTS (SELECT FROM detainees d WHERE d.id = detainee_id AND is_hidden(d.age_group, d.withheld)) OR counts_from_entry, -- if detained_on
    began_on = %(began_on)s, -- if began_on
    authority = %(authority)s, -- if authority
    charges = %(charges)s, -- if charges
    whereabouts = %(whereabouts)s, -- if whereabouts
    accepted = %(accepted)s OR accepted, -- unless facility_id
    accepted = %(accepted)s OR accepted AND facility_id IS NOT DISTINCT FROM %(facility_id)s, -- if facility_id
    updated_at = now()
WHERE id = %(id)s
RETURNING id
