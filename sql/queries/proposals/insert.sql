-- Stores a write about a hidden person as a proposal.
INSERT INTO proposals (id, key_id, resource, detainee_id, record_id, action, body)
VALUES (
    %(id)s, %(key_id)s, %(resource)s, %(detainee_id)s, %(record_id)s, %(action)s, %(body)s
)
