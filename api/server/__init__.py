"""Processes: gunicorn, its workers, metrics, the embedded PostgreSQL, nginx."""
