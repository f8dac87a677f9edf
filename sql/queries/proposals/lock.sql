-- Locks a proposal that is about to be accepted or rejected.
SELECT p.resource, p.detainee_id, p.record_id, p.action, p.body, p.state
FROM proposals p
WHERE p.id = %(id)s
FOR NO KEY UPDATE
