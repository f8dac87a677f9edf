-- Records the decision on a proposal.
UPDATE proposals SET
    state = %(state)s,
    record_id = %(record_id)s, -- if record_id
    reason = %(reason)s, -- if reason
    decided_at = now(), updated_at = now()
WHERE id = %(id)s
