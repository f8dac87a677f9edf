-- Reads whether a detention was ever recorded at a facility; by an index of the ledger.
SELECT EXISTS (
    SELECT FROM ledger l
    WHERE l.resource = 'detention' AND l.entry ->> 'facility_id' = %(id)s::text
) AS is_used
