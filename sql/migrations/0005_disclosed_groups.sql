-- The groups of people that are large enough to be disclosed for a hidden person (`is_hidden`).
-- `disclosable_groups` (0007) counts them; `disclosed_age_group` (0006) and `disclosed_facility` (0007)
-- read them.

-- An age group, or an age group at a facility (facility_id), that at least five accepted hidden people
-- shared. From `disclosed_from` of record time on the public may know which hidden people belong to
-- it. A group stays disclosed: a published response cannot be taken back.
CREATE TABLE disclosed_groups (
    age_group text NOT NULL,
    facility_id uuid CONSTRAINT disclosed_group_facility_exists REFERENCES facilities,
    disclosed_from timestamptz NOT NULL,
    CONSTRAINT one_disclosed_group UNIQUE NULLS NOT DISTINCT (age_group, facility_id)
);

GRANT SELECT, INSERT, UPDATE (disclosed_from) ON disclosed_groups TO constancia_service;

-- The number of accepted hidden people at which a group is disclosed.
CREATE FUNCTION disclosure_threshold() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 5;
