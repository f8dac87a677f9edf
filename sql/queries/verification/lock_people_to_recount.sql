-- Some of the people who were counted before there were groups, or by what is hidden of them since,
-- in the order in which all lock.
SELECT d.id
FROM detainees d
WHERE d.id IN (
    (
        SELECT s.detainee_id FROM standings s
        WHERE s.groups IS NULL AND s.recorded_until = 'infinity'
        LIMIT %(limit)s
    )
    UNION
    (
        SELECT h.id
        FROM detainees h
        JOIN standings s ON s.detainee_id = h.id AND s.recorded_until = 'infinity'
        WHERE (h.age_group = 'minor' OR h.withheld) AND (
            s.groups ? 'sex' OR s.groups ? 'nationality'
            OR (
                s.groups ? 'age_group'
                AND told_age_group(h.age_group, h.withheld, 'infinity') = 'unknown'
            )
            OR EXISTS (
                SELECT FROM jsonb_path_query(s.groups, '$.facility_id[*] ? (@ != null)') f (id)
                WHERE told_facility(
                    h.age_group, h.withheld, (f.id #>> '{}')::uuid, 'infinity'
                ) IS NULL
            )
        )
        LIMIT %(limit)s
    )
)
ORDER BY d.id
FOR NO KEY UPDATE
