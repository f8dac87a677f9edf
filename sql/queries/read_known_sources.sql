-- Which of these sources there are.
SELECT s.id FROM sources s WHERE s.id = ANY (%(ids)s)
