-- Lists those of some sources that exist, and whether they are confidential.
SELECT s.id, s.confidential FROM sources s WHERE s.id = ANY (%(ids)s)
