-- Lists the changes that a split made.
SELECT c.resource, c.resource_id AS id, c.before, c.after
FROM split_changes c
WHERE c.split_id = %(split_id)s
ORDER BY c.resource_id
