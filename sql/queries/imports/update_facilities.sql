-- Updates the decisions on the names of facilities of an import.
UPDATE imports SET facilities = %(facilities)s WHERE id = %(id)s
