-- Lists the claims that a claim or a release event refers to, to check the references.
SELECT c.id, c.kind, c.published_at FROM claims c WHERE c.id = ANY (%(ids)s)
