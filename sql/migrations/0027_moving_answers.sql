-- Until when answers change without anything being recorded: what was said may be published a few
-- minutes later, by the clock of who said it, and a day begins on this side of the earth after the
-- other. After that an answer stands until the next entry of the ledger.
ALTER TABLE ledger_head ADD COLUMN moving_until timestamptz NOT NULL DEFAULT '-infinity';

UPDATE ledger_head SET moving_until = greatest(
    (SELECT max(greatest(a.published_at, a.retracted_at)) FROM attestations a),
    (SELECT max(detention_began_at(d.detained_on, d.began_on, d.created_at)) FROM detentions d),
    '-infinity'
);
