-- Lists the changes of a merge, and each record as it is now.
SELECT m.resource, m.resource_id AS id, m.before, m.after,
    CASE m.resource
        WHEN 'detainee' THEN (SELECT to_jsonb(r) FROM detainees r WHERE r.id = m.resource_id)
        WHEN 'detention' THEN (SELECT to_jsonb(r) FROM detentions r WHERE r.id = m.resource_id)
        WHEN 'release_event' THEN
            (SELECT to_jsonb(r) FROM release_events r WHERE r.id = m.resource_id)
        WHEN 'attestation' THEN (SELECT to_jsonb(r) FROM attestations r WHERE r.id = m.resource_id)
    END AS entry
FROM merge_changes m
WHERE m.merge_id = %(merge_id)s
ORDER BY m.resource_id
