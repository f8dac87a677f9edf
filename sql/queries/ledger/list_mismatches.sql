-- Lists records that differ from their last ledger entry: the service did not change them.
-- A column that the entry lacks was added by a later migration.
SELECT r.resource, r.id
FROM (
    SELECT 'source' AS resource, s.id, to_jsonb(s) AS entry FROM sources s
    UNION ALL
    SELECT 'affiliation', a.id, to_jsonb(a) FROM affiliations a
    UNION ALL
    SELECT 'facility', f.id, to_jsonb(f) FROM facilities f
    UNION ALL
    SELECT 'detainee', d.id, to_jsonb(d) FROM detainees d
    UNION ALL
    SELECT 'detention', t.id, to_jsonb(t) FROM detentions t
    UNION ALL
    SELECT 'release_event', e.id, to_jsonb(e) FROM release_events e
    UNION ALL
    SELECT 'claim', c.id, to_jsonb(c) FROM claims c
    UNION ALL
    SELECT 'attestation', a.id, attestation_entry(a) FROM attestations a
    UNION ALL
    SELECT 'merge', m.id, to_jsonb(m) FROM merges m
    UNION ALL
    SELECT 'split', s.id, to_jsonb(s) FROM splits s
    UNION ALL
    SELECT 'distinction', x.id, to_jsonb(x) FROM distinctions x
    UNION ALL
    SELECT 'proposal', p.id, to_jsonb(p) FROM proposals p
) r
LEFT JOIN LATERAL (
    SELECT l.entry FROM ledger l
    WHERE l.resource_id = r.id AND l.resource = r.resource AND l.action <> 'read'
    ORDER BY l.seq DESC LIMIT 1
) l ON true
WHERE l.entry IS NULL
    OR EXISTS (
        SELECT FROM jsonb_each(l.entry) c WHERE r.entry -> c.key IS DISTINCT FROM c.value
    )
LIMIT 6
