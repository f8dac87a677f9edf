-- Whether there is such a person.
SELECT d.id FROM detainees d WHERE d.id = %(id)s AND d.merged_into IS NULL
