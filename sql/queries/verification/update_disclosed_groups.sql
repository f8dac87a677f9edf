-- Updates the groups that this transaction discloses with the moment of its ledger entry.
UPDATE disclosed_groups SET disclosed_from = %(recorded_at)s WHERE disclosed_from = 'infinity'
