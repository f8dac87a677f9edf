-- Lists the release events of people, to verify them again.
SELECT e.id FROM release_events e WHERE e.detainee_id = ANY (%(detainee_ids)s)
