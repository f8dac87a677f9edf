-- Lists those of some sources that exist.
SELECT s.id, s.name, s.country, s.url, s.confidential, s.merged_into
FROM sources s WHERE s.id = ANY (%(ids)s)
