-- One writer at a time, each of whom may say which state of it is to be changed.
SELECT f.id FROM facilities f WHERE f.id = %(id)s FOR NO KEY UPDATE
