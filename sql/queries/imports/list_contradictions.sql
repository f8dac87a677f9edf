-- Lists the rows of a list that contradict the first row of their person in a property.
-- A birth year and a birth date of that year agree. Rows without a person yet are left out.
WITH listed AS (
    SELECT r.row, r.pointer, p.property, p.value,
        first_value(r.row) OVER same_person AS first_row,
        first_value(r.pointer) OVER same_person AS first_pointer,
        first_value(p.value) OVER same_person AS first_value
    FROM import_rows r
    LEFT JOIN import_rows o ON o.import_id = r.import_id AND o.row = r.same_as_row
    CROSS JOIN LATERAL (
        VALUES
            ('sex', r.content #>> '{detainee,sex}'),
            ('birth_date', coalesce(r.content #>> '{detainee,birth_date}', r.content ->> 'born')),
            ('age_group', nullif(r.content #>> '{detainee,age_group}', 'unknown'))
    ) AS p (property, value)
    WHERE r.import_id = %(import_id)s AND r.outcome <> 'invalid' AND p.value IS NOT NULL
        AND r.decision IS DISTINCT FROM 'skip'
        AND (r.outcome <> 'possible_duplicate' OR r.decision IS NOT NULL)
    WINDOW same_person AS (
        PARTITION BY coalesce(r.detainee_id, o.detainee_id), CASE
            WHEN coalesce(r.detainee_id, o.detainee_id) IS NULL
            THEN coalesce(r.same_as_row, r.row)
        END, p.property
        ORDER BY r.row
    )
)
SELECT l.row, l.pointer, l.property, l.value, l.first_row, l.first_pointer, l.first_value
FROM listed l
WHERE NOT starts_with(l.value, l.first_value) AND NOT starts_with(l.first_value, l.value)
ORDER BY l.row, l.property
LIMIT %(limit)s
