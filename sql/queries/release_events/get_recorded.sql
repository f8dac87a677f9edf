-- Gets a release event as recorded at a moment, with its person by the public name of today.
SELECT e.id::text AS id, e.detainee, e.occurred_on::text AS occurred_on
FROM recorded_release_event(%(id)s, %(moment)s::timestamptz, false) e
