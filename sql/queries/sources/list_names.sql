-- Lists the names and addresses of all sources.
SELECT s.id, s.name, s.url
FROM sources s
