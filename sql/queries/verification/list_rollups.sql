-- Lists all status rollups, to compare them with the person statuses.
SELECT t.property, t.value, t.grain, nullif(t.bucket, '-infinity') AS bucket, t.people
FROM status_rollups t
