"""PostgreSQL: connections, query files, migrations, the clock, the ledger."""
