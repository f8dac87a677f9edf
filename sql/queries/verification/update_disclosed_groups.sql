-- Updates the groups of this transaction with the moment from which they are disclosed.
UPDATE disclosed_groups SET disclosed_from = %(recorded_at)s WHERE disclosed_from = 'infinity'
