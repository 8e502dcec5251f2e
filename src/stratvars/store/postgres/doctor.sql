-- :server  who answers, and how many are connected; every role may see these counts
SELECT pg_catalog.pg_is_in_recovery(), (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)::bigint,
    pg_catalog.pg_backend_pid()

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

-- :dead  versions of rows that nobody sees any more and that still lie in our tables, in their parts, and in what holds
-- their large texts; every role may see these counts
WITH ours AS (
    SELECT place, pg_catalog.to_regclass(name) AS whole
    FROM unnest(%(places)s::text[], %(names)s::text[]) AS ours (place, name)
), parts AS (
    SELECT place, whole AS relid FROM ours
    UNION SELECT place, p.relid FROM ours CROSS JOIN LATERAL pg_catalog.pg_partition_tree(whole) p
), heaps AS (
    SELECT place, false AS is_large, c.oid, c.reloptions FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.relid
    UNION ALL
    SELECT place, true, t.oid, coalesce(t.reloptions, c.reloptions)
    FROM parts JOIN pg_catalog.pg_class c ON c.oid = parts.relid JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
)
SELECT place, is_large, n_live_tup, n_dead_tup,
    extract(epoch FROM clock_timestamp() - greatest(last_vacuum, last_autovacuum))::float8,
    coalesce((
        SELECT option_value::boolean FROM pg_catalog.pg_options_to_table(reloptions)
        WHERE option_name = 'autovacuum_enabled'
    ), true)
FROM heaps JOIN pg_catalog.pg_stat_all_tables s ON s.relid = heaps.oid

-- :holders  what keeps the server from clearing such versions away, the oldest first. Of another role's session only
-- some columns are shown, its state and its times are not. A slot's catalog_xmin holds back catalogs alone, and a session
-- in another database only its own tables
SELECT kind, name, number, state, seconds, transactions
FROM (
    SELECT CASE backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS kind, application_name AS name,
        pid AS number, state, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS seconds,
        greatest(age(backend_xmin), age(backend_xid)) AS transactions
    FROM pg_catalog.pg_stat_activity
    WHERE (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND pid <> pg_catalog.pg_backend_pid()
        AND coalesce(datname = current_database(), true)
        AND pid NOT IN (SELECT pid FROM pg_catalog.pg_stat_progress_vacuum)
    UNION ALL
    SELECT 'prepared', gid, 0, NULL, extract(epoch FROM clock_timestamp() - prepared)::float8, age(transaction)
    FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
    UNION ALL
    SELECT 'slot', slot_name, 0, CASE WHEN active THEN 'in use' ELSE 'not in use' END, NULL, age(xmin)
    FROM pg_catalog.pg_replication_slots WHERE xmin IS NOT NULL
) held
ORDER BY transactions DESC, seconds DESC NULLS LAST LIMIT 1

-- :backend  the process of the server that has this statement
SELECT pg_catalog.pg_backend_pid()

-- :prepared  what a prepared statement of ours is called in the session that has it
SELECT name FROM pg_catalog.pg_prepared_statements WHERE statement = %(statement)s

-- :history_size  what the history takes with all that belongs to it, and on how many pages its rows stand
SELECT sum(pg_catalog.pg_total_relation_size(relid))::bigint,
    sum(pg_catalog.pg_relation_size(relid) / current_setting('block_size')::bigint)::bigint
FROM (
    SELECT pg_catalog.to_regclass(%(name)s) AS relid
    UNION SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(name)s))
) parts

-- :growth  what is kept of each strategy, from a share of the pages, whole ones at random
SELECT strategy_id, count(*), sum(octet_length(changed) + %(row)s::bigint)::bigint,
    count(*) FILTER (WHERE saved_at > clock_timestamp() - interval '1 day'),
    coalesce(sum(octet_length(changed) + %(row)s::bigint) FILTER (
        WHERE saved_at > clock_timestamp() - interval '1 day'
    ), 0)::bigint,
    extract(epoch FROM clock_timestamp() - min(saved_at))::float8
FROM {T_history} TABLESAMPLE SYSTEM (%(percent)s::real)
GROUP BY strategy_id
