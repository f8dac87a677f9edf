-- One way to find people: under keys of spelling, which now hold single words too, and threes of
-- them. Who is hidden is kept apart, so that what a stranger finds does not depend on them, and who
-- was born on a day or in a year can be read alone, where very many share a name. All are spelled
-- again.

DROP TABLE detainee_words;
DROP TABLE detainee_spellings;

CREATE TABLE detainee_spellings (
    spelling text NOT NULL,
    hidden boolean NOT NULL,
    born date NOT NULL, -- -infinity if it is not known
    detainee_id uuid NOT NULL CONSTRAINT spelling_is_of_a_detainee REFERENCES detainees,
    PRIMARY KEY (spelling, hidden, born, detainee_id)
);

CREATE INDEX detainee_spellings_of_detainee ON detainee_spellings (detainee_id);

-- The words of people's names, each with what is left of it without one or two letters
-- (api/spellings.py): words that are alike have such a rest in common. Not unique: two who record
-- a new word at once do not wait for each other, and a word that is there twice does no harm.
CREATE TABLE word_deletions (
    deletion text NOT NULL,
    hidden boolean NOT NULL,
    word text NOT NULL
);

CREATE INDEX word_deletions_found ON word_deletions (deletion, hidden, word);
