-- Reads whether a detention was ever recorded at a facility; by an index.
SELECT EXISTS (SELECT FROM facility_detentions f WHERE f.facility_id = %(id)s) AS is_used
