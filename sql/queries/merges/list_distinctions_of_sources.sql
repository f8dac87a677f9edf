-- Lists the pairs of surviving sources that were found to be distinct, by themselves or as duplicates.
SELECT x.id AS distinction_id, coalesce(a.merged_into, a.id) AS one_id,
    coalesce(b.merged_into, b.id) AS other_id
FROM distinctions x
JOIN sources a ON a.id = x.source_id
JOIN sources b ON b.id = x.distinct_from_source_id
WHERE x.withdrawn_at IS NULL
