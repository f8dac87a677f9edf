-- Finds the affiliations of two sources with a relation and a beginning, which may be unknown.
SELECT a.id
FROM affiliations a
WHERE a.source_id IN (SELECT sources_visible_as(%(source_id)s, true))
    AND a.with_source_id IN (SELECT sources_visible_as(%(with_source_id)s, true))
    AND a.relation = %(relation)s AND a.valid_from IS NOT DISTINCT FROM %(valid_from)s
    AND a.voided_at IS NULL
ORDER BY a.created_at, a.id
