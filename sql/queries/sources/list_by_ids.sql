-- Lists which of these sources exist, and which are confidential.
SELECT s.id, s.confidential FROM sources s WHERE s.id = ANY (%(ids)s)
