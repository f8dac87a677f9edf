-- Lists the people of whom anything was written after a ledger entry: the person, a detention, a
-- release event or an attestation.
-- To a caller who does not see hidden people, a change of hidden values alone was not written.
SELECT DISTINCT coalesce(
    CASE l.resource WHEN 'detainee' THEN l.resource_id END,
    (l.entry ->> 'detainee_id')::uuid,
    (
        SELECT e.detainee_id FROM release_events e
        WHERE e.id = (l.entry ->> 'release_event_id')::uuid
    )
) AS id
FROM ledger l
WHERE l.seq > %(after)s AND l.action <> 'read' AND (l.public_seq IS NOT NULL OR %(sees_hidden)s)
    AND l.resource IN ('detainee', 'detention', 'release_event', 'attestation')
ORDER BY id
