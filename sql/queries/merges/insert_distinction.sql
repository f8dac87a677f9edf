-- Two people who were judged not to be one.
INSERT INTO distinctions (detainee_id, distinct_from_id)
VALUES (%(detainee_id)s, %(distinct_from_id)s)
RETURNING id
