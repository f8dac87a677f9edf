-- Lists and locks the claims that a new reference leads to, to check that they fit.
-- The foreign key of a reference takes the same lock; taken here, no claim is voided meanwhile.
SELECT c.id, c.kind, c.published_at FROM claims c
WHERE c.id = ANY (%(ids)s) AND c.voided_at IS NULL
ORDER BY c.id
FOR KEY SHARE
