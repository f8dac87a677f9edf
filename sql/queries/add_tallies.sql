-- People who came to a standing at a moment (or, negative, no longer did), added to every grain.
INSERT INTO tallies (grain, bucket, standing, people)
SELECT g.grain, g.bucket, c.standing, sum(c.people)::integer
FROM jsonb_to_recordset(%(rows)s) AS c (moment timestamptz, standing text, people integer)
CROSS JOIN LATERAL (
    VALUES
        ('total', '-infinity'),
        ('year', date_trunc('year', c.moment, 'UTC')),
        ('month', date_trunc('month', c.moment, 'UTC')),
        ('day', date_trunc('day', c.moment, 'UTC')),
        ('hour', date_trunc('hour', c.moment, 'UTC')),
        ('minute', date_trunc('minute', c.moment, 'UTC')),
        ('moment', c.moment)
) g (grain, bucket)
GROUP BY g.grain, g.bucket, c.standing
HAVING sum(c.people) <> 0
ON CONFLICT (grain, bucket, standing) DO UPDATE SET people = tallies.people + excluded.people
