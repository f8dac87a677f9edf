-- From when on the cohorts of this transaction are told.
UPDATE cohorts SET told_from = %(recorded_at)s WHERE told_from = 'infinity'
