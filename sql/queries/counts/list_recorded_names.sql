-- The names of these facilities and sources as the record had them; of a claim, its source's; of a
-- confidential source, that of who vouches for it. By
-- the table that each is in, so that no other id, a person's say, is ever answered with a name.
SELECT n.id, x.entry ->> 'name' AS name
FROM (
    SELECT f.id, f.id AS named_by FROM facilities f WHERE f.id = ANY (%(facility_ids)s)
    UNION ALL
    SELECT s.id, visible_source_id(s.id, false) FROM sources s WHERE s.id = ANY (%(source_ids)s)
    UNION ALL
    SELECT c.id, visible_source_id(c.source_id, false) FROM claims c WHERE c.id = ANY (%(claim_ids)s)
) n
CROSS JOIN LATERAL recorded(n.named_by, %(recorded_as_of)s::timestamptz) x
