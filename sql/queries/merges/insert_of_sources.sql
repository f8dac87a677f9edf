-- Inserts a merge of one source into another.
INSERT INTO merges (id, source_id, into_source_id)
VALUES (%(id)s, %(source_id)s, %(into_source_id)s)
