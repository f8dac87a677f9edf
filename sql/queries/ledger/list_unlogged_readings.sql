-- Lists the hidden people and sources of an export whose reading by this key is not in the ledger.
SELECT r.resource, r.id
FROM (
    SELECT 'detainee' AS resource, d.id FROM detainees d
    WHERE is_hidden(d.age_group, d.withheld) AND d.merged_into IS NULL
        AND d.id IN ( -- if announcement_id
            SELECT e.detainee_id FROM release_events e -- if announcement_id
            WHERE e.announcement_id = %(announcement_id)s AND e.voided_at IS NULL -- if announcement_id
        ) -- if announcement_id
    UNION ALL
    SELECT 'source', s.id FROM sources s
    WHERE s.vouched_by IS NOT NULL
        AND s.id = ANY (%(source_ids)s) -- if announcement_id
) r
WHERE NOT EXISTS (
    SELECT FROM ledger l
    WHERE l.resource_id = r.id AND l.seq > %(after_seq)s AND l.action = 'read'
        AND l.actor = %(actor)s
)
LIMIT %(limit)s
