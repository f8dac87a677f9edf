-- Tells whether a written record belongs to a group that reached the disclosure threshold now.
SELECT EXISTS (
    SELECT FROM disclosable_groups(%(detainee_ids)s, %(detention_ids)s)
) AS exist
