-- Lists the claims to which a filter or a path refers.
SELECT c.id, c.kind, c.voided_at FROM claims c WHERE c.id = ANY (%(ids)s)
