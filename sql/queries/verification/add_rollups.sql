-- People who came to a standing or left it, added to the tallies.
INSERT INTO status_rollups (property, value, grain, bucket, people)
SELECT r.property, r.value, r.grain, coalesce(r.bucket, '-infinity'), r.people
FROM jsonb_to_recordset(%(rows)s) AS r (
    property text, value text, grain text, bucket timestamptz, people integer[]
)
ON CONFLICT (property, grain, bucket, value)
DO UPDATE SET people = people_added(status_rollups.people, excluded.people)
