-- Updates the state of an import that was applied.
UPDATE imports SET state = 'applied', applied_at = clock_timestamp() WHERE id = %(id)s
