-- Tells whether a release event ever had a verdict.
-- It has some without attestations if it had those of a merged event until the merge was undone.
SELECT EXISTS (
    SELECT FROM first_verdicts v WHERE v.release_event_id = %(release_event_id)s
) AS verified
