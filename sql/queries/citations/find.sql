-- Finds the citation of an answer.
SELECT c.id::text AS id, rfc3339(c.created_at) AS created_at
FROM citations c
WHERE c.url = %(url)s AND c.sha256 = %(sha256)s
