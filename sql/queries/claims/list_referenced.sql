-- What a claim or a release event says it refers to, to compare with it.
SELECT c.id, c.kind, c.published_at FROM claims c WHERE c.id = ANY (%(ids)s)
