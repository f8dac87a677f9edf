-- Lists which of some ids are those of facilities.
SELECT f.id FROM facilities f WHERE f.id = ANY (%(ids)s)
