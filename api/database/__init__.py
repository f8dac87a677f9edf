"""PostgreSQL: connections, queries, migrations, the clock, the ledger."""
