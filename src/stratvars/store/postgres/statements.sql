-- :create_schema  where the table's name says in which one it stands
CREATE SCHEMA IF NOT EXISTS "schema"

-- :create_table  the contract's table: one row per strategy, always its current state
CREATE TABLE IF NOT EXISTS {T} (
    id text NOT NULL PRIMARY KEY,
    last_updated timestamptz NOT NULL,
    variables text NOT NULL,
    strategy_id text NOT NULL UNIQUE
)

-- :store_table  compressing would cost more time than all the rest of a save
ALTER TABLE {T} ALTER COLUMN variables SET STORAGE EXTERNAL

-- :create_writers  one small row per strategy: who may write, and what was written last; its new version fits its page
CREATE TABLE IF NOT EXISTS {T_writers} (
    strategy_id text NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL,
    revision bigint NOT NULL,
    start_id text NOT NULL,
    owner text NOT NULL,
    lease_until timestamptz NOT NULL,
    lease double precision NOT NULL,
    digest text NOT NULL,
    reason text NOT NULL,
    complete boolean NOT NULL,
    held_back text NOT NULL,
    format integer NOT NULL,
    written_by bigint NOT NULL
) WITH (fillfactor = 50)

-- :create_history  every revision that changed something: what it set and unset, and why
CREATE TABLE IF NOT EXISTS {T_history} (
    strategy_id text NOT NULL,
    epoch bigint NOT NULL,
    revision bigint NOT NULL,
    saved_at timestamptz NOT NULL,
    reason text NOT NULL,
    complete boolean NOT NULL,
    snapshot boolean NOT NULL,
    changed text NOT NULL,
    removed text NOT NULL,
    held_back text NOT NULL,
    start_id text NOT NULL,
    format integer NOT NULL,
    PRIMARY KEY (strategy_id, epoch, revision)
)

-- :store_history  as with the table
ALTER TABLE {T_history} ALTER COLUMN changed SET STORAGE EXTERNAL

-- :grant_schema  the right to find the tables
GRANT USAGE ON SCHEMA "schema" TO "role"

-- :grant_table  what a role needs that does not own the tables
GRANT SELECT, INSERT, UPDATE ON {T} TO "role"

-- :grant_writers  the same
GRANT SELECT, INSERT, UPDATE, DELETE ON {T_writers} TO "role"

-- :grant_history  the same
GRANT SELECT, INSERT ON {T_history} TO "role"

-- :present  which tables are there; opening pg_class makes the server drop what it remembers of a name not there before
SELECT pg_catalog.to_regclass(%(T)s), pg_catalog.to_regclass(%(T_writers)s), pg_catalog.to_regclass(%(T_history)s)
FROM pg_catalog.pg_class LIMIT 1

-- :columns  the shape of a table, and which columns have to be given a value
SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = ''
FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%(name)s) AND attnum > 0 AND NOT attisdropped

-- :settings  for this transaction alone: a commit that is durable, and no long wait for somebody's lock
SELECT set_config('lock_timeout', %(patience)s, true),
    CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END

-- :prepare_lock  one process creates tables at a time; IF NOT EXISTS alone can fail beside another one
SELECT pg_catalog.pg_advisory_xact_lock(%(key)s)

-- :writer  who holds a strategy and what was written last, locked until the transaction ends
SELECT epoch, revision, start_id, owner, (extract(epoch FROM lease_until) * 1000000)::bigint::text,
    extract(epoch FROM lease_until - clock_timestamp())::float8, lease
FROM {T_writers} WHERE strategy_id = %(strategy)s FOR UPDATE

-- :known  what the history knows of a strategy without a row, which was removed by somebody
SELECT coalesce(max(epoch), 0), coalesce(max(revision), 0), '', '' FROM {T_history} WHERE strategy_id = %(strategy)s

-- :add_writer  the first start of a strategy; no row comes back when another start was faster
INSERT INTO {T_writers}
    (strategy_id, epoch, revision, start_id, owner, lease_until, lease, digest, reason, complete, held_back, format,
    written_by)
VALUES (%(strategy)s, %(epoch)s, %(revision)s, %(start_id)s, %(owner)s,
    clock_timestamp() + make_interval(secs => %(lease)s::float8), %(lease)s::float8, '', '', false, '{}', 0, 0)
ON CONFLICT (strategy_id) DO NOTHING
RETURNING epoch

-- :take_writer  a later start of a strategy
UPDATE {T_writers} SET epoch = %(epoch)s, revision = %(revision)s, start_id = %(start_id)s, owner = %(owner)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), lease = %(lease)s::float8
WHERE strategy_id = %(strategy)s

-- :renew  the starts live: their leases begin anew; who stands in each row. What somebody has locked is left out, and
-- the rows are locked in the order of their names, as a save of several does
WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true) AS patience
), mine AS MATERIALIZED (
    SELECT *
    FROM unnest(%(strategies)s::text[], %(epochs)s::bigint[], %(start_ids)s::text[], %(leases)s::float8[])
        AS claim (strategy_id, epoch, start_id, lease)
), locked AS MATERIALIZED (
    SELECT w.strategy_id, w.epoch, w.revision, w.start_id, w.owner, mine.lease,
        w.epoch = mine.epoch AND w.start_id = mine.start_id AS is_mine
    FROM settings CROSS JOIN mine JOIN {T_writers} w ON w.strategy_id = mine.strategy_id
    WHERE settings.patience IS NOT NULL
    ORDER BY w.strategy_id
    FOR UPDATE OF w SKIP LOCKED
), renewed AS (
    UPDATE {T_writers} w SET lease_until = clock_timestamp() + make_interval(secs => locked.lease)
    FROM locked
    WHERE w.strategy_id = locked.strategy_id AND locked.is_mine
)
SELECT strategy_id, epoch, revision, start_id, owner FROM locked

-- :release_writer  nobody holds the strategy any more
UPDATE {T_writers} SET owner = ''
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s AND start_id = %(start_id)s

-- :forget_writer  a start that never saved leaves no trace; where another was fenced its row stays: see :known
DELETE FROM {T_writers}
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s AND start_id = %(start_id)s AND revision = 0
    AND NOT EXISTS (SELECT FROM {T_history} WHERE strategy_id = %(strategy)s)

-- :save  one revision in one statement; what comes back is the writers' row as it was before, read under its lock
WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true) AS patience,
        CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END
), found AS MATERIALIZED (
    SELECT w.epoch, w.revision, w.start_id, w.owner
    FROM settings CROSS JOIN {T_writers} w
    WHERE w.strategy_id = %(strategy)s AND settings.patience IS NOT NULL
    FOR UPDATE OF w
), fits AS MATERIALIZED (
    SELECT clock_timestamp() AS saved_at
    FROM found
    WHERE epoch = %(epoch)s::bigint AND start_id = %(start_id)s::text AND revision = %(follows)s::bigint
        AND revision < %(number)s::bigint
), current_state AS (
    INSERT INTO {T} (id, last_updated, variables, strategy_id)
    SELECT %(id)s::text, saved_at, %(variables)s::text, %(strategy)s::text FROM fits
    ON CONFLICT (strategy_id) DO UPDATE SET last_updated = excluded.last_updated, variables = excluded.variables
), written AS (
    UPDATE {T_writers}
    SET revision = %(number)s::bigint, digest = %(digest)s::text, reason = %(reason)s::text,
        complete = %(complete)s::boolean, held_back = %(held_back)s::text, format = %(format)s::integer,
        written_by = %(epoch)s::bigint, lease_until = saved_at + make_interval(secs => %(lease)s::float8)
    FROM fits
    WHERE strategy_id = %(strategy)s
), kept AS (
    INSERT INTO {T_history}
        (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id,
        format)
    SELECT %(strategy)s::text, %(epoch)s::bigint, %(number)s::bigint, saved_at, %(reason)s::text,
        %(complete)s::boolean, %(snapshot)s::boolean, %(changed)s::text, %(removed)s::text, %(held_back)s::text,
        %(start_id)s::text, %(format)s::integer
    FROM fits
)
SELECT epoch, revision, start_id, owner FROM found

-- :keep_fenced  a revision that was refused, beside those that were current
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
VALUES (%(strategy)s, %(epoch)s, %(number)s, clock_timestamp(), %(reason)s, %(complete)s, %(snapshot)s, %(changed)s,
    %(removed)s, %(held_back)s, %(start_id)s, %(format)s)
ON CONFLICT (strategy_id, epoch, revision) DO NOTHING

-- :current  the current state of one strategy, its age by the database's clock, and its crashes in a row
SELECT t.strategy_id, t.variables, (extract(epoch FROM t.last_updated) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - t.last_updated)::float8,
    w.revision, w.reason, w.format, w.digest, w.written_by, w.owner, w.complete, w.held_back, done.revision,
    CASE WHEN w.reason = 'crash' THEN (
        SELECT count(*)
        FROM (
            SELECT h.epoch, h.revision, h.reason FROM {T_history} h
            WHERE h.strategy_id = t.strategy_id ORDER BY h.epoch DESC, h.revision DESC LIMIT 1000
        ) newest
        WHERE reason = 'crash' AND (epoch, revision) > (coalesce(done.epoch, 0), coalesce(done.revision, 0))
    ) END
FROM {T} t LEFT JOIN {T_writers} w ON w.strategy_id = t.strategy_id
LEFT JOIN LATERAL (
    SELECT h.epoch, h.revision FROM {T_history} h
    WHERE w.reason = 'crash' AND h.strategy_id = t.strategy_id AND h.complete AND h.reason <> 'fenced'
    ORDER BY h.epoch DESC, h.revision DESC LIMIT 1
) done ON true
WHERE t.strategy_id = %(strategy)s

-- :all_current  the same of every strategy
SELECT t.strategy_id, t.variables, (extract(epoch FROM t.last_updated) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - t.last_updated)::float8,
    w.revision, w.reason, w.format, w.digest, w.written_by, w.owner, w.complete, w.held_back, done.revision,
    CASE WHEN w.reason = 'crash' THEN (
        SELECT count(*)
        FROM (
            SELECT h.epoch, h.revision, h.reason FROM {T_history} h
            WHERE h.strategy_id = t.strategy_id ORDER BY h.epoch DESC, h.revision DESC LIMIT 1000
        ) newest
        WHERE reason = 'crash' AND (epoch, revision) > (coalesce(done.epoch, 0), coalesce(done.revision, 0))
    ) END
FROM {T} t LEFT JOIN {T_writers} w ON w.strategy_id = t.strategy_id
LEFT JOIN LATERAL (
    SELECT h.epoch, h.revision FROM {T_history} h
    WHERE w.reason = 'crash' AND h.strategy_id = t.strategy_id AND h.complete AND h.reason <> 'fenced'
    ORDER BY h.epoch DESC, h.revision DESC LIMIT 1
) done ON true

-- :history  what the state as of a moment is made of: a revision, or without one the last completed iteration
WITH wanted AS (
    SELECT epoch, revision FROM {T_history}
    WHERE strategy_id = %(strategy)s AND reason <> 'fenced'
        AND CASE WHEN %(revision)s::bigint IS NULL THEN complete ELSE revision = %(revision)s::bigint END
    ORDER BY epoch DESC, revision DESC LIMIT 1
), since AS (
    SELECT h.epoch, h.revision FROM wanted CROSS JOIN {T_history} h
    WHERE h.strategy_id = %(strategy)s AND h.snapshot AND h.reason <> 'fenced'
        AND (h.epoch, h.revision) <= (wanted.epoch, wanted.revision)
    ORDER BY h.epoch DESC, h.revision DESC LIMIT 1
)
SELECT h.revision, h.reason, extract(epoch FROM clock_timestamp() - h.saved_at)::float8, h.complete, h.snapshot,
    h.changed, h.removed, h.held_back, h.format
FROM wanted CROSS JOIN since CROSS JOIN {T_history} h
WHERE h.strategy_id = %(strategy)s AND h.reason <> 'fenced'
    AND (h.epoch, h.revision) >= (since.epoch, since.revision)
    AND (h.epoch, h.revision) <= (wanted.epoch, wanted.revision)
ORDER BY h.epoch, h.revision

-- :revisions  what the history lists, newest first, without the values
SELECT epoch, revision, reason, (extract(epoch FROM saved_at) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - saved_at)::float8, complete, snapshot, octet_length(changed), held_back
FROM {T_history}
WHERE strategy_id = %(strategy)s AND reason <> 'fenced'
    AND (epoch, revision) < (%(epoch)s::bigint, %(revision)s::bigint)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
    AND (%(until)s::timestamptz IS NULL OR saved_at <= %(until)s::timestamptz)
ORDER BY epoch DESC, revision DESC LIMIT %(limit)s::bigint

-- :names  the strategies that have a saved state
SELECT strategy_id FROM {T}
