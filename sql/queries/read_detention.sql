-- Whose detention it is.
SELECT t.detainee_id FROM detentions t WHERE t.id = %(id)s
