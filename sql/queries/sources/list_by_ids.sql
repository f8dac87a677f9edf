-- Lists sources by id, also merged duplicates.
SELECT s.id, s.name, s.country, s.url, s.confidential, s.merged_into
FROM sources s WHERE s.id = ANY (%(ids)s)
