-- Whether anything written belongs to a cohort that five people share by now and that is not told
-- yet.
SELECT EXISTS (
    SELECT FROM disclosable_groups(%(detainee_ids)s, %(detention_ids)s)
) AS exist
