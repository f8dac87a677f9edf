-- Lists the privileges of the service role that it should not have, or lacks.
SELECT f.finding
FROM pg_roles r
CROSS JOIN LATERAL (
    SELECT 'has privileges over the server' AS finding
    WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
    UNION ALL
    SELECT 'is a member of ' || m.roleid::regrole FROM pg_auth_members m WHERE m.member = r.oid
    UNION ALL
    SELECT 'may create in the database'
    WHERE has_database_privilege(r.oid, current_database(), 'CREATE, TEMPORARY')
        OR has_schema_privilege(r.oid, 'public', 'CREATE')
    UNION ALL
    SELECT 'may not read ' || c.relname
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
        AND NOT has_table_privilege(r.oid, c.oid, 'SELECT')
    UNION ALL
    SELECT 'may change or delete what is recorded in ' || c.relname
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND (
        c.relowner = r.oid
        OR has_table_privilege(r.oid, c.oid, 'TRUNCATE, TRIGGER')
        OR c.relname IN ('ledger', 'attestations', 'claims', 'verdicts', 'verdict_parts', 'person_statuses')
            AND has_table_privilege(r.oid, c.oid, 'UPDATE, DELETE')
        OR c.relname IN ('ledger', 'api_keys', 'migrations')
            AND has_any_column_privilege(r.oid, c.oid, 'UPDATE')
    )
    UNION ALL
    SELECT 'is not held by the trigger ' || t.name
    FROM (
        VALUES ('verdict_is_superseded_now'), ('part_is_superseded_now'),
            ('person_status_is_superseded_now'),
            ('verdict_is_recorded_now'), ('part_is_recorded_now'),
            ('person_status_is_recorded_now'), ('ledger_entry_is_recorded_now'),
            ('retraction_is_final'), ('voiding_is_final'), ('ledger_only_grows'),
            ('ledger_follows_the_clock')
    ) t (name)
    WHERE NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgname = t.name AND g.tgenabled IN ('O', 'A'))
) f
WHERE r.rolname = %(role)s
