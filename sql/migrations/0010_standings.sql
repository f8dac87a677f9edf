-- How each person counts, along both clocks like `verdicts`. `standing` has one letter for each
-- number of independent sources that a caller may require, 1 to 5: C confirmed, A confirmed and
-- detained again, D disputed, R reported, F refuted, U unverified (api/counting.py).
CREATE TABLE standings (
    detainee_id uuid NOT NULL CONSTRAINT standing_is_of_a_detainee REFERENCES detainees,
    published_from timestamptz NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    standing text NOT NULL CONSTRAINT standing_has_a_letter_for_each_required
        CHECK (standing ~ '^[CADRFU]{5}$'),
    PRIMARY KEY (detainee_id, published_from, recorded_from),
    CONSTRAINT standing_holds_for_a_while CHECK (recorded_from < recorded_until)
);

CREATE UNIQUE INDEX one_current_standing ON standings (detainee_id, published_from)
    WHERE recorded_until = 'infinity';

-- How many people came to a standing, less those who left it, in each year, month, day, hour,
-- minute and moment of publication time, as the record stands now. A count at any moment is the
-- total less what came after it: a few rows of each grain, however many people there are.
CREATE TABLE tallies (
    grain text NOT NULL,
    bucket timestamptz NOT NULL,
    standing text NOT NULL,
    people integer NOT NULL,
    PRIMARY KEY (grain, bucket, standing)
);
