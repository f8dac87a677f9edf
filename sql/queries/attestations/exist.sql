-- Tells whether a release event has attestations.
SELECT EXISTS (SELECT FROM attestations a WHERE a.release_event_id = %(id)s) AS attested
