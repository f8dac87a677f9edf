-- From when on the cohorts of this transaction are told.
UPDATE disclosed_groups SET disclosed_from = %(recorded_at)s WHERE disclosed_from = 'infinity'
