-- Gets the person of a detention that is not a merged duplicate.
SELECT t.detainee_id FROM detentions t WHERE t.id = %(id)s AND t.merged_into IS NULL
