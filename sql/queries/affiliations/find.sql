-- Finds the affiliations of two sources with a relation and a beginning, which may be unknown.
SELECT a.id
FROM affiliations a
WHERE a.source_id = %(source_id)s AND a.with_source_id = %(with_source_id)s
    AND a.relation = %(relation)s AND a.valid_from IS NOT DISTINCT FROM %(valid_from)s
ORDER BY a.created_at, a.id
