"""What each resource must satisfy, and how it is written."""
