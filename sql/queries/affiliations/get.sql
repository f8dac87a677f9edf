-- Gets an affiliation before it is changed.
SELECT a.source_id, a.with_source_id, a.valid_from, a.valid_until
FROM affiliations a
WHERE a.id = %(id)s
