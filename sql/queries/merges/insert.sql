-- Inserts a merge of one person into another.
INSERT INTO merges (id, detainee_id, into_id) VALUES (%(id)s, %(detainee_id)s, %(into_id)s)
