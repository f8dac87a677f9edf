-- What every table shares. Ids are UUID version 7 (RFC 9562), times are the database's own.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- RFC 3339 in UTC with Z and no more digits of fraction than there are, whatever the session's zone.
-- Not declared immutable, which the text of a timestamp is not: it would not be inlined.
CREATE FUNCTION rfc3339(moment timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN replace((moment AT TIME ZONE 'UTC')::text, ' ', 'T') || 'Z';
