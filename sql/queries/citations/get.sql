-- Gets a citation.
SELECT c.id::text AS id, c.url, c.sha256, rfc3339(c.created_at) AS created_at
FROM citations c
WHERE c.id = %(id)s
