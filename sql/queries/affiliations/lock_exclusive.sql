-- Locks affiliations for a change: no other change, and no release event is verified meanwhile.
LOCK TABLE affiliations IN EXCLUSIVE MODE
