-- Locks affiliations while a release event is verified. Changes of affiliations wait.
LOCK TABLE affiliations IN ROW SHARE MODE
