-- Which of these sources there are.
SELECT s.id, s.confidential FROM sources s WHERE s.id = ANY (%(ids)s)
