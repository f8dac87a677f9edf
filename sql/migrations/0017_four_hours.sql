-- Tallies of four hours too: a day begins at 04:00Z in Caracas, and a timeline of its days is a
-- row for each.

INSERT INTO tallies (property, value, grain, bucket, people)
SELECT t.property, t.value, '4 hours', date_bin('4 hours', t.bucket, '2000-01-01Z'), ARRAY[
    ARRAY[sum(t.people[1][1]), sum(t.people[1][2]), sum(t.people[1][3]),
        sum(t.people[1][4]), sum(t.people[1][5]), sum(t.people[1][6])],
    ARRAY[sum(t.people[2][1]), sum(t.people[2][2]), sum(t.people[2][3]),
        sum(t.people[2][4]), sum(t.people[2][5]), sum(t.people[2][6])],
    ARRAY[sum(t.people[3][1]), sum(t.people[3][2]), sum(t.people[3][3]),
        sum(t.people[3][4]), sum(t.people[3][5]), sum(t.people[3][6])],
    ARRAY[sum(t.people[4][1]), sum(t.people[4][2]), sum(t.people[4][3]),
        sum(t.people[4][4]), sum(t.people[4][5]), sum(t.people[4][6])],
    ARRAY[sum(t.people[5][1]), sum(t.people[5][2]), sum(t.people[5][3]),
        sum(t.people[5][4]), sum(t.people[5][5]), sum(t.people[5][6])]
]::integer[]
FROM tallies t
WHERE t.grain = 'hour'
GROUP BY t.property, t.value, date_bin('4 hours', t.bucket, '2000-01-01Z');
