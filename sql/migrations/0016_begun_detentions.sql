-- From when on a detention counts: its first day begins at midnight UTC, and one of unknown date
-- counts since it was entered.
CREATE FUNCTION detention_began_at(detained_on text, began_on date, created_at timestamptz)
    RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN detained_on IS NULL THEN created_at
        ELSE began_on::timestamp AT TIME ZONE 'UTC'
    END;
