-- Updates the totals of an import: rows by outcome, and the records that it would create.
UPDATE imports SET
    totals = %(totals)s,
    people = %(people)s,
    release_events = %(release_events)s,
    attestations = %(attestations)s
WHERE id = %(id)s
