-- What a list comes to.
UPDATE imports SET
    totals = %(totals)s, -- if totals
    people = %(people)s, -- if people
    release_events = %(release_events)s, -- if release_events
    attestations = %(attestations)s, -- if attestations
    state = 'applied', applied_at = clock_timestamp() -- if applied
    id = id -- unless applied
WHERE id = %(id)s
