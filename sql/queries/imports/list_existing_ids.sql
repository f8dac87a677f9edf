-- Lists those of some ids that are ids of records, in any table.
SELECT r.id FROM sources r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM affiliations r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM facilities r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM claims r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM detainees r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM detentions r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM release_events r WHERE r.id = ANY (%(ids)s)
UNION ALL
SELECT r.id FROM attestations r WHERE r.id = ANY (%(ids)s)
