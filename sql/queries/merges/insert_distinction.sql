-- Inserts the decision that two records are of two people.
INSERT INTO distinctions (id, detainee_id, distinct_from_id)
VALUES (%(id)s, %(detainee_id)s, %(distinct_from_id)s)
