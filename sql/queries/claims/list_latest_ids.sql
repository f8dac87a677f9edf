-- Lists the ids of the claims of a source, the last published first.
-- Sorts all claims of the source: no index has this order.
SELECT k.id::text
FROM claims k
WHERE k.source_id = ANY (ARRAY(SELECT sources_visible_as(%(source_id)s, false)))
    AND k.voided_at IS NULL
ORDER BY k.published_at DESC, k.id
LIMIT %(limit)s
