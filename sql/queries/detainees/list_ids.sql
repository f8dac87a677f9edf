-- Some of the people, in the order of their ids, so that all are gone through in blocks.
SELECT d.id FROM detainees d WHERE d.id > %(after)s ORDER BY d.id LIMIT %(limit)s
