-- Updates the given properties of a release event.
UPDATE release_events SET
    occurred_on = %(occurred_on)s, -- if occurred_on
    place = %(place)s, -- if place
    announcement_id = %(announcement_id)s, -- if announcement_id
    updated_at = now()
WHERE id = %(id)s
RETURNING id
