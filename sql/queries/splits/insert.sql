-- Inserts a split of a person.
INSERT INTO splits (id, detainee_id, new_detainee_id)
VALUES (%(id)s, %(detainee_id)s, %(new_detainee_id)s)
