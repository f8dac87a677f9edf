-- Inserts a merge of two people.
INSERT INTO merges (detainee_id, into_id) VALUES (%(detainee_id)s, %(into_id)s)
RETURNING id
