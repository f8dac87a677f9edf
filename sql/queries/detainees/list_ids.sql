-- Lists the ids of people in blocks.
SELECT d.id FROM detainees d WHERE d.id > %(after)s ORDER BY d.id LIMIT %(limit)s
