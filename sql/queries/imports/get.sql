-- Gets an import for the key that made it, or for a caller that sees all.
SELECT i.id, i.state, i.created_at, i.applied_at, i.reading, i.totals, i.people, i.release_events,
    i.attestations, i.facilities
FROM imports i
WHERE i.id = %(id)s AND (i.key_id IS NOT DISTINCT FROM %(key_id)s OR %(sees_all)s)
