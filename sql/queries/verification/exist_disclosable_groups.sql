-- Whether anything written belongs to a cohort that five people share by now and that is not told
-- yet.
SELECT EXISTS (
    SELECT FROM ripe_cohorts(%(detainee_ids)s, %(detention_ids)s)
) AS ripe
