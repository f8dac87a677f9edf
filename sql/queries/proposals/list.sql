-- Lists the proposals that a caller sees. Those that change a person can name them.
SELECT p.id, p.key_id, p.resource, p.detainee_id, p.record_id, p.action, p.body, p.state,
    p.decided_at, p.reason, p.created_at, p.updated_at, p.resource = 'detainee' AS is_hidden
FROM visible_proposals(%(sees_hidden)s, %(key_id)s) p
WHERE true
    AND p.id = %(id)s -- if id
    AND p.state = %(state)s -- if state
    AND p.id > %(after)s -- if after
ORDER BY p.id
LIMIT %(limit)s
