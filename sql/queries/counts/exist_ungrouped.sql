-- Whether all people were grouped already when a moment of the record was made: not before there
-- were groups.
SELECT NOT EXISTS (
    SELECT FROM standings s WHERE s.groups IS NULL AND s.recorded_until > %(recorded_as_of)s
        AND s.recorded_from <= %(recorded_as_of)s
) AS grouped
