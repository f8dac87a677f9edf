-- Gets the record time from which a release event has its verdict at a pair of moments.
SELECT rfc3339(v.recorded_from) AS at
FROM verdicts v
WHERE v.release_event_id = %(id)s AND v.published_from <= %(as_of)s
    AND v.recorded_from <= %(recorded_as_of)s AND %(recorded_as_of)s < v.recorded_until
ORDER BY v.published_from DESC
LIMIT 1
