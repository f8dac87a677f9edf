-- Lists the people who may be in a count of the past and not in its list.
SELECT p.id FROM people_perhaps_redacted(%(filters_people)s) p
