-- Inserts a release event.
INSERT INTO release_events (id, detainee_id, detention_id, occurred_on, place, announcement_id)
VALUES (
    %(id)s, %(detainee_id)s, %(detention_id)s, %(occurred_on)s,
    %(place)s, %(announcement_id)s
)
