-- Gets the person of a detention that is not a merged duplicate, and when it was voided.
SELECT t.detainee_id, t.voided_at FROM detentions t WHERE t.id = %(id)s AND t.merged_into IS NULL
