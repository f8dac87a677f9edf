-- Inserts a detention.
INSERT INTO detentions (
    id, detainee_id, facility_id, detained_on, began_on, authority, charges, whereabouts,
    counts_from_entry, accepted, created_at
)
VALUES (
    %(id)s, %(detainee_id)s, %(facility_id)s, %(detained_on)s,
    %(began_on)s, %(authority)s, %(charges)s, %(whereabouts)s,
    coalesce(%(counts_from_entry)s, (
        SELECT is_hidden(d.age_group, d.withheld) FROM detainees d WHERE d.id = %(detainee_id)s
    )),
    %(accepted)s, coalesce(%(created_at)s::timestamptz, now())
)
