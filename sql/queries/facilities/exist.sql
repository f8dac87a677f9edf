-- Tells whether there is a facility with this id.
SELECT f.id FROM facilities f WHERE f.id = %(id)s
