-- Locks affiliations while a release event is verified: none may change meanwhile.
LOCK TABLE affiliations IN ROW SHARE MODE
