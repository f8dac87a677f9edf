-- By how many days, at the most, a word was ever published before the day of the event it speaks
-- of. What counts at a moment occurred by so many days after it: that, and the index of days, keep
-- a count since some day from reading all that came later. It only grows.
CREATE TABLE leads (
    days integer NOT NULL
);

CREATE UNIQUE INDEX one_lead ON leads ((true));

INSERT INTO leads
SELECT greatest(0, max(e.occurred_on - (a.published_at AT TIME ZONE 'UTC')::date))
FROM attestations a JOIN release_events e ON e.id = a.release_event_id;
