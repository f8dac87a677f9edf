-- ... and nobody may read groups, or change another affiliation, while one changes.
LOCK TABLE affiliations IN EXCLUSIVE MODE
