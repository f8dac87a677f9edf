-- What the record says from now on.
INSERT INTO person_statuses (detainee_id, published_from, recorded_from, status_codes, groups)
SELECT r.detainee_id, r.published_from, %(recorded_at)s, r.status_codes, r.groups
FROM jsonb_to_recordset(%(rows)s)
    AS r (detainee_id uuid, published_from timestamptz, status_codes text, groups jsonb)
