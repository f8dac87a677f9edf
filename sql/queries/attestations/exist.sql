-- Whether anybody has spoken on an event.
SELECT EXISTS (SELECT FROM attestations a WHERE a.release_event_id = %(id)s) AS attested
