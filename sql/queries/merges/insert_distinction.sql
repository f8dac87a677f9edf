-- Inserts the decision that two records are of two people.
INSERT INTO distinctions (detainee_id, distinct_from_id)
VALUES (%(detainee_id)s, %(distinct_from_id)s)
RETURNING id
