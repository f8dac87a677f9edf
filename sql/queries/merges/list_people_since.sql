-- Lists the items whose person may be any of several people since a moment, with these people.
-- To look for splits and merges first spares most records the walk of `people_since`.
SELECT r.item, n.people
FROM unnest(%(items)s::uuid[], %(ids)s::uuid[], %(moments)s::timestamptz[]) AS r (item, id, moment)
CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT s.id FROM people_since(r.id, r.moment) s ORDER BY s.id) AS people
) n
WHERE (
    EXISTS (SELECT FROM splits s WHERE s.detainee_id = r.id)
    OR EXISTS (SELECT FROM merges m WHERE m.into_id = r.id)
    OR EXISTS (SELECT FROM merges m WHERE m.detainee_id = r.id)
) AND cardinality(n.people) > 1
