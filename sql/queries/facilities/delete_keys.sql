-- Deletes the keys of a facility that no longer apply.
DELETE FROM facility_keys k WHERE k.facility_id = %(id)s AND k.key <> ALL (%(keys)s::text[])
