-- Inserts a detention.
INSERT INTO detentions (
    id, detainee_id, facility_id, detained_on, began_on, authority, charges, whereabouts,
    accepted, created_at
)
VALUES (
    %(id)s, %(detainee_id)s, %(facility_id)s, %(detained_on)s,
    %(began_on)s, %(authority)s, %(charges)s, %(whereabouts)s,
    %(accepted)s, coalesce(%(created_at)s::timestamptz, now())
)
