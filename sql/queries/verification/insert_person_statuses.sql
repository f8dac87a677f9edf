-- What the record says from now on.
INSERT INTO standings (detainee_id, published_from, recorded_from, standing, groups)
SELECT r.detainee_id, r.published_from, %(recorded_at)s, r.standing, r.groups
FROM jsonb_to_recordset(%(rows)s)
    AS r (detainee_id uuid, published_from timestamptz, standing text, groups jsonb)
