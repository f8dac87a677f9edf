-- Updates the totals of an import, or its state once it is applied.
UPDATE imports SET
    totals = %(totals)s, -- if totals
    people = %(people)s, -- if people
    release_events = %(release_events)s, -- if release_events
    attestations = %(attestations)s, -- if attestations
    state = 'applied', applied_at = clock_timestamp() -- if applied
    id = id -- unless applied
WHERE id = %(id)s
