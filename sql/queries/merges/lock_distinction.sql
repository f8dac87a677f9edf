-- Locks a distinction that is about to be withdrawn.
SELECT x.withdrawn_at FROM distinctions x WHERE x.id = %(id)s FOR NO KEY UPDATE
