-- Locks affiliations for a change. Other changes, and verifications of release events, wait.
LOCK TABLE affiliations IN EXCLUSIVE MODE
