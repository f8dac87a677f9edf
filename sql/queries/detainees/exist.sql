-- Tells whether there is a person with this id that is not a merged duplicate.
SELECT d.id FROM detainees d WHERE d.id = %(id)s AND d.merged_into IS NULL
