-- All tallies, to be set against what they are made of.
SELECT t.property, t.value, t.grain, nullif(t.bucket, '-infinity') AS bucket, t.people
FROM status_rollups t
