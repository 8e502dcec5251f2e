-- :server  who answers, and how many are connected; every role may see these counts
SELECT pg_catalog.pg_is_in_recovery(), (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)::bigint

-- :settings  what this role meets in this database, and where each comes from
SELECT current_user::text, current_database()::text, name, setting, source FROM pg_catalog.pg_settings
WHERE name = ANY (%(names)s::text[])

-- :clock  the server's clock, in seconds since 1970
SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8

-- :schema  where missing tables would be made, and whether this role may; no row: nowhere
SELECT nspname, pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace
WHERE nspname = coalesce(%(schema)s::text, current_schema()::text)

-- :lost  strategies that were saved, and whose row is gone
SELECT w.strategy_id FROM {T_writers} w
WHERE w.revision > 0 AND NOT EXISTS (SELECT 1 FROM {T} t WHERE t.strategy_id = w.strategy_id)
