-- Gets an affiliation before it is changed.
SELECT a.source_id, a.with_source_id, a.valid_from, a.valid_until, a.voided_at
FROM affiliations a
WHERE a.id = %(id)s
