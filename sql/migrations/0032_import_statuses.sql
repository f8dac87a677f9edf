-- The status before and after of every release event that a case concerns, also where it only ties
-- sources; of one that is new without its id. The row is that of the event, or of what concerns it.
CREATE TABLE import_statuses (
    import_id uuid NOT NULL
        CONSTRAINT status_is_of_an_import REFERENCES imports ON DELETE CASCADE,
    row integer NOT NULL,
    release_event_id uuid
        CONSTRAINT status_is_of_a_release_event REFERENCES release_events,
    status_from text NOT NULL,
    status_to text NOT NULL
);

CREATE INDEX import_statuses_of_import ON import_statuses (import_id, row);

GRANT SELECT, INSERT ON import_statuses TO constancia_service;
