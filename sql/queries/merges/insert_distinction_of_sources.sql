-- Inserts the decision that two records are of two sources.
INSERT INTO distinctions (id, source_id, distinct_from_source_id)
VALUES (%(id)s, %(source_id)s, %(distinct_from_source_id)s)
