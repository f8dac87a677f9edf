-- Whose detention it is; none for one that became another.
SELECT t.detainee_id FROM detentions t WHERE t.id = %(id)s AND t.merged_into IS NULL
