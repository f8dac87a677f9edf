-- Locks a facility, so that new detentions at it wait. Takes no lock that one of them may wait for.
SELECT f.id FROM facilities f WHERE f.id = %(id)s FOR UPDATE
