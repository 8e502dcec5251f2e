-- :create_schema  where the table's name says in which one it stands
CREATE SCHEMA IF NOT EXISTS "schema"

-- :create_table  the contract's table: one row per strategy, always its current state
CREATE TABLE IF NOT EXISTS {T} (
    id text NOT NULL PRIMARY KEY,
    last_updated timestamptz NOT NULL,
    variables text NOT NULL,
    strategy_id text NOT NULL UNIQUE
)

-- :store_table  compressing would cost more time than all the rest of a save; a row's new version fits its page
ALTER TABLE {T} ALTER COLUMN variables SET STORAGE EXTERNAL, SET (fillfactor = 50)

-- :create_writers  one small row per strategy: who may write, and what was written last; its new version fits its page,
-- and what most saves leave as it is stands first and last: the log has a row from its first change to its last one
CREATE TABLE IF NOT EXISTS {T_writers} (
    strategy_id text NOT NULL PRIMARY KEY,
    epoch bigint NOT NULL,
    start_id text NOT NULL,
    owner text NOT NULL,
    lease double precision NOT NULL,
    revision bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    digest text NOT NULL,
    row_xmin xid NOT NULL,
    reason text NOT NULL,
    complete boolean NOT NULL,
    held_back text NOT NULL,
    format integer NOT NULL,
    written_by bigint NOT NULL,
    open_edits integer NOT NULL
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

-- :create_edits  what somebody asks to be changed, and what became of it
CREATE TABLE IF NOT EXISTS {T_edits} (
    id bigint GENERATED ALWAYS AS IDENTITY,
    strategy_id text NOT NULL,
    token text NOT NULL UNIQUE,
    asked_at timestamptz NOT NULL,
    author text NOT NULL,
    note text NOT NULL,
    change text NOT NULL,
    format integer NOT NULL,
    taken_by bigint NOT NULL,
    fate text NOT NULL,
    said text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (strategy_id, id)
)

-- :store_history  as with the table
ALTER TABLE {T_history} ALTER COLUMN changed SET STORAGE EXTERNAL

-- :index_snapshots  reading back begins at one; few revisions are, so a save hardly pays for it
CREATE INDEX IF NOT EXISTS {T_shots} ON {T_history} (strategy_id, revision) WHERE snapshot AND reason <> 'fenced'

-- :rare  reasons that few revisions have; a loop may save by hand as often as others after an iteration
reason <> 'iteration' AND reason <> 'manual'

-- :index_marks  what is rare: crashes, stops, edits
CREATE INDEX IF NOT EXISTS {T_marks} ON {T_history} (strategy_id, reason, epoch, revision)
WHERE {rare}

-- :grant_schema  the right to find the tables
GRANT USAGE ON SCHEMA "schema" TO "role"

-- :grant_table  what a role needs that does not own the tables
GRANT SELECT, INSERT, UPDATE ON {T} TO "role"

-- :grant_writers  the same
GRANT SELECT, INSERT, UPDATE, DELETE ON {T_writers} TO "role"

-- :grant_edits  the same
GRANT SELECT, INSERT, UPDATE ON {T_edits} TO "role"

-- :grant_history  the same
GRANT SELECT, INSERT, UPDATE, DELETE ON {T_history} TO "role"

-- :present  which tables are there; opening pg_class makes the server drop what it remembers of a name not there before
SELECT pg_catalog.to_regclass(%(T)s), pg_catalog.to_regclass(%(T_writers)s), pg_catalog.to_regclass(%(T_history)s),
    pg_catalog.to_regclass(%(T_edits)s)
FROM pg_catalog.pg_class LIMIT 1

-- :columns  the shape of a table, and which columns have to be given a value
SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND attidentity = ''
FROM pg_catalog.pg_attribute
WHERE attrelid = pg_catalog.to_regclass(%(name)s) AND attnum > 0 AND NOT attisdropped

-- :durable  a commit that is, whatever a role or a database has set; a stronger setting is kept
CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', true) END

-- :settings  for this transaction alone: a commit that is durable, and no long wait for somebody's lock
SELECT set_config('lock_timeout', %(patience)s, true), {durable}

-- :prepare_lock  one process creates tables at a time; IF NOT EXISTS alone can fail beside another one
SELECT pg_catalog.pg_advisory_xact_lock(%(key)s)

-- :with_settings  the same at the head of a statement that is a transaction of its own
WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true) AS patience, {durable}
)

-- :writer  who holds a strategy and what was written last, locked until the transaction ends
SELECT epoch, revision, start_id, owner, (extract(epoch FROM lease_until) * 1000000)::bigint::text,
    extract(epoch FROM lease_until - clock_timestamp())::float8, lease, digest, open_edits
FROM {T_writers} WHERE strategy_id = %(strategy)s FOR UPDATE

-- :known  what the history knows of a strategy without a row, which was removed by somebody
SELECT coalesce(max(epoch), 0), coalesce(max(revision), 0), '', '' FROM {T_history} WHERE strategy_id = %(strategy)s

-- :add_writer  the first start of a strategy; no row comes back when another start was faster
INSERT INTO {T_writers}
    (strategy_id, epoch, revision, start_id, owner, lease_until, lease, digest, reason, complete, held_back, format,
    written_by, row_xmin, open_edits)
VALUES (%(strategy)s, %(epoch)s, %(revision)s, %(start_id)s, %(owner)s,
    clock_timestamp() + make_interval(secs => %(lease)s::float8), %(lease)s::float8, '', '', false, '{}', 0, 0, '0', 0)
ON CONFLICT (strategy_id) DO NOTHING
RETURNING epoch

-- :take_writer  a later start of a strategy
UPDATE {T_writers} SET epoch = %(epoch)s, revision = %(revision)s, start_id = %(start_id)s, owner = %(owner)s,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), lease = %(lease)s::float8
WHERE strategy_id = %(strategy)s

-- :renew  the starts live: their leases begin anew; who stands in each row, and the edits that wait. What somebody has
-- locked is left out, and the rows are locked in the order of their names, as a save of several does
WITH settings AS MATERIALIZED (
    SELECT set_config('lock_timeout', %(patience)s, true) AS patience
), mine AS MATERIALIZED (
    SELECT *
    FROM unnest(%(strategies)s::text[], %(epochs)s::bigint[], %(start_ids)s::text[], %(numbers)s::bigint[],
        %(leases)s::float8[]) AS claim (strategy_id, epoch, start_id, number, lease)
), locked AS MATERIALIZED (
    SELECT w.strategy_id, w.epoch, w.revision, w.start_id, w.owner, w.open_edits, mine.lease,
        w.epoch = mine.epoch AND w.start_id = mine.start_id AND w.revision >= mine.number AS fits
    FROM settings CROSS JOIN mine JOIN {T_writers} w ON w.strategy_id = mine.strategy_id
    WHERE settings.patience IS NOT NULL
    ORDER BY w.strategy_id
    FOR UPDATE OF w SKIP LOCKED
), renewed AS (
    UPDATE {T_writers} w SET lease_until = clock_timestamp() + make_interval(secs => locked.lease)
    FROM locked
    WHERE w.strategy_id = locked.strategy_id AND locked.fits
), taken AS (
    UPDATE {T_edits} e SET taken_by = locked.epoch
    FROM locked
    WHERE e.strategy_id = locked.strategy_id AND e.fate = '' AND locked.fits AND locked.open_edits > 0
    RETURNING e.*
)
SELECT mine.strategy_id, w.strategy_id IS NOT NULL, locked.epoch, locked.revision, locked.start_id, locked.owner, (
        SELECT json_agg(json_build_array(id, change, format, author, note, token))::text FROM taken
        WHERE taken.strategy_id = mine.strategy_id
    )
FROM mine LEFT JOIN {T_writers} w ON w.strategy_id = mine.strategy_id
LEFT JOIN locked ON locked.strategy_id = mine.strategy_id

-- :release_writer  nobody holds the strategy any more; what was saved last, which a ghost save may just have done
{with_settings}
UPDATE {T_writers} w SET owner = ''
FROM settings
WHERE settings.patience IS NOT NULL AND w.strategy_id = %(strategy)s AND w.epoch = %(epoch)s
    AND w.start_id = %(start_id)s
RETURNING w.revision

-- :forget_writer  the first start leaves no trace where it never saved. Without the row of a later one, a start before it
-- that stands still would not be fenced
DELETE FROM {T_writers}
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s AND epoch = 1 AND start_id = %(start_id)s AND revision = 0
    AND NOT EXISTS (SELECT FROM {T_history} WHERE strategy_id = %(strategy)s)

-- :kept  a save's line in the history, when the rest of it is done
kept AS (
    INSERT INTO {T_history}
        (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id,
        format)
    SELECT %(strategy)s::text, %(epoch)s::bigint, %(number)s::bigint, saved_at, %(reason)s::text,
        %(complete)s::boolean, %(snapshot)s::boolean, %(changed)s::text, %(removed)s::text, %(held_back)s::text,
        %(start_id)s::text, %(format)s::integer
    FROM done
)

-- :save  one revision in one statement; what comes back is the writers' row as it was before, read under its lock.
-- The current state is replaced where it is as a save left it: of the transaction that the writers' row names, or, where
-- it was moved to another server, of the same text. A new row replaces one that is gone.
{with_settings}, found AS MATERIALIZED (
    SELECT w.epoch, w.revision, w.start_id, w.owner, w.digest, w.row_xmin, w.open_edits
    FROM settings CROSS JOIN {T_writers} w
    WHERE w.strategy_id = %(strategy)s AND settings.patience IS NOT NULL
    FOR UPDATE OF w
), fits AS MATERIALIZED (
    SELECT clock_timestamp() AS saved_at, digest, row_xmin
    FROM found
    WHERE epoch = %(epoch)s::bigint AND start_id = %(start_id)s::text AND revision = %(follows)s::bigint
        AND revision < %(number)s::bigint
), replaced AS (
    UPDATE {T} t SET last_updated = fits.saved_at, variables = %(variables)s::text
    FROM fits
    WHERE t.strategy_id = %(strategy)s AND (t.xmin = fits.row_xmin
        OR encode(sha256(convert_to(t.variables, 'UTF8')), 'hex') IN (fits.digest, %(digest)s::text, %(over)s::text))
    RETURNING fits.saved_at, t.ctid AS row_place
), made AS (
    INSERT INTO {T} AS t (id, last_updated, variables, strategy_id)
    SELECT gen_random_uuid()::text, saved_at, %(variables)s::text, %(strategy)s::text FROM fits
    WHERE NOT EXISTS (SELECT FROM {T} t WHERE t.strategy_id = %(strategy)s)
    ON CONFLICT (strategy_id) DO NOTHING
    RETURNING last_updated, t.ctid
), done AS MATERIALIZED (
    SELECT saved_at, row_place, false AS is_new FROM replaced UNION ALL SELECT last_updated, ctid, true FROM made
), written AS (
    UPDATE {T_writers} w
    SET revision = %(number)s::bigint, digest = %(digest)s::text, reason = %(reason)s::text,
        complete = %(complete)s::boolean, held_back = %(held_back)s::text, format = %(format)s::integer,
        written_by = %(epoch)s::bigint, row_xmin = pg_current_xact_id()::xid,
        lease_until = saved_at + make_interval(secs => %(lease)s::float8)
    FROM done
    WHERE strategy_id = %(strategy)s
    RETURNING w.ctid AS place, w.row_xmin
), {kept}, taken AS (
    UPDATE {T_edits} e SET taken_by = found.epoch
    FROM found
    WHERE e.strategy_id = %(strategy)s AND e.fate = '' AND found.open_edits > 0
        AND found.epoch = %(epoch)s::bigint AND found.start_id = %(start_id)s::text
    RETURNING e.*
)
SELECT %(strategy)s::text, found.epoch, found.revision, found.start_id, found.owner, found.digest, done.is_new, (
    SELECT json_agg(json_build_array(id, change, format, author, note, token))::text FROM taken
), concat_ws(' ', written.place, done.row_place, written.row_xmin)
FROM found LEFT JOIN done ON true LEFT JOIN written ON true

-- :save_all  the same of several strategies, whose rows are locked in the order of their names, as in a renewal
{with_settings}, found AS MATERIALIZED (
    SELECT w.epoch AS w_epoch, w.revision AS w_revision, w.start_id AS w_start_id, w.owner, w.digest AS w_digest,
        w.row_xmin, w.open_edits, mine.*
    FROM settings CROSS JOIN ROWS FROM (
        json_to_recordset(%(saves)s::json) AS (strategy text, epoch bigint, start_id text, lease float8, number bigint,
            follows bigint, digest text, reason text, complete boolean, held_back text, format integer,
            snapshot boolean, removed text, over text),
        unnest(%(states)b::text[]), unnest(%(changes)b::text[])
    ) AS mine (strategy_id, epoch, start_id, lease, number, follows, digest, reason, complete, held_back, format,
        snapshot, removed, over, variables, changed)
    JOIN {T_writers} w ON w.strategy_id = mine.strategy_id
    WHERE settings.patience IS NOT NULL
    ORDER BY w.strategy_id
    FOR UPDATE OF w
), fits AS MATERIALIZED (
    SELECT clock_timestamp() AS saved_at, found.*
    FROM found
    WHERE w_epoch = epoch AND w_start_id = start_id AND w_revision = follows AND w_revision < number
), replaced AS (
    UPDATE {T} t SET last_updated = fits.saved_at, variables = fits.variables
    FROM fits
    WHERE t.strategy_id = fits.strategy_id AND (t.xmin = fits.row_xmin
        OR encode(sha256(convert_to(t.variables, 'UTF8')), 'hex') IN (fits.w_digest, fits.digest, fits.over))
    RETURNING fits.*
), made AS (
    INSERT INTO {T} (id, last_updated, variables, strategy_id)
    SELECT gen_random_uuid()::text, saved_at, variables, strategy_id FROM fits
    WHERE NOT EXISTS (SELECT FROM {T} t WHERE t.strategy_id = fits.strategy_id)
    ON CONFLICT (strategy_id) DO NOTHING
    RETURNING strategy_id AS made_id
), done AS MATERIALIZED (
    SELECT replaced.*, false AS is_new FROM replaced
    UNION ALL
    SELECT fits.*, true FROM made JOIN fits ON fits.strategy_id = made.made_id
), written AS (
    UPDATE {T_writers} w
    SET revision = done.number, digest = done.digest, reason = done.reason, complete = done.complete,
        held_back = done.held_back, format = done.format, written_by = done.epoch,
        row_xmin = pg_current_xact_id()::xid, lease_until = done.saved_at + make_interval(secs => done.lease)
    FROM done
    WHERE w.strategy_id = done.strategy_id
), kept AS (
    INSERT INTO {T_history}
        (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id,
        format)
    SELECT strategy_id, epoch, number, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id,
        format
    FROM done
), taken AS (
    UPDATE {T_edits} e SET taken_by = found.epoch
    FROM found
    WHERE e.strategy_id = found.strategy_id AND e.fate = '' AND found.open_edits > 0
        AND found.w_epoch = found.epoch AND found.w_start_id = found.start_id
    RETURNING e.*
)
SELECT found.strategy_id, found.w_epoch, found.w_revision, found.w_start_id, found.owner, found.w_digest, done.is_new, (
    SELECT json_agg(json_build_array(id, change, format, author, note, token))::text FROM taken
    WHERE taken.strategy_id = found.strategy_id
), NULL
FROM found LEFT JOIN done ON done.strategy_id = found.strategy_id

-- :resolve  what became of edits, in the transaction of the revision that holds them
WITH resolved AS (
    UPDATE {T_edits} e SET fate = mine.fate, said = mine.said, revision = %(revision)s::bigint
    FROM unnest(%(numbers)s::bigint[], %(fates)s::text[], %(saids)s::text[]) AS mine (id, fate, said)
    WHERE e.id = mine.id AND e.strategy_id = %(strategy)s AND e.fate = ''
    RETURNING e.id
)
UPDATE {T_writers} SET open_edits = open_edits - (SELECT count(*) FROM resolved) WHERE strategy_id = %(strategy)s

-- :variables  the current state alone
SELECT variables FROM {T} WHERE strategy_id = %(strategy)s

-- :keep_fenced  a revision that was refused, beside those that were current
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
VALUES (%(strategy)s, %(epoch)s, %(number)s, clock_timestamp(), %(reason)s, %(complete)s, %(snapshot)s, %(changed)s,
    %(removed)s, %(held_back)s, %(start_id)s, %(format)s)
ON CONFLICT (strategy_id, epoch, revision) DO NOTHING

-- :state  what is read of a current state, with its age by the database's clock
SELECT t.strategy_id, t.variables, (extract(epoch FROM t.last_updated) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - t.last_updated)::float8,
    w.revision, w.reason, w.format, w.digest, w.written_by, w.owner, w.complete, w.held_back

-- :state_from  where that stands
FROM {T} t LEFT JOIN {T_writers} w ON w.strategy_id = t.strategy_id

-- :states  current states, each with its crashes in a row
{state}, done.revision,
    CASE WHEN w.reason = 'crash' THEN (
        SELECT count(*)
        FROM (
            SELECT h.epoch, h.revision, h.reason FROM {T_history} h
            WHERE h.strategy_id = t.strategy_id ORDER BY h.epoch DESC, h.revision DESC LIMIT 1000
        ) newest
        WHERE reason = 'crash' AND (epoch, revision) > (coalesce(done.epoch, 0), coalesce(done.revision, 0))
    ) END
{state_from}
LEFT JOIN LATERAL (
    SELECT h.epoch, h.revision FROM {T_history} h
    WHERE w.reason = 'crash' AND h.strategy_id = t.strategy_id AND h.complete AND h.reason <> 'fenced'
    ORDER BY h.epoch DESC, h.revision DESC LIMIT 1
) done ON true

-- :current  of one strategy
{states}
WHERE t.strategy_id = %(strategy)s

-- :all_current  of every strategy
{states}

-- :history  what the state as of a moment is made of: a revision, or without one the last completed iteration. A start
-- begins with a snapshot, so all of it is of one epoch, and is found by its key
WITH wanted AS (
    SELECT coalesce(%(revision)s::bigint, (
        SELECT revision FROM {T_history}
        WHERE strategy_id = %(strategy)s AND complete AND reason <> 'fenced'
        ORDER BY epoch DESC, revision DESC LIMIT 1
    )) AS revision
), since AS (
    SELECT h.epoch, h.revision AS first, (SELECT revision FROM wanted) AS last FROM {T_history} h
    WHERE h.strategy_id = %(strategy)s AND h.snapshot AND h.reason <> 'fenced'
        AND h.revision <= (SELECT revision FROM wanted)
    ORDER BY h.revision DESC LIMIT 1
)
SELECT h.revision, h.reason, extract(epoch FROM clock_timestamp() - h.saved_at)::float8, h.complete, h.snapshot,
    h.changed, h.removed, h.held_back, h.format
FROM {T_history} h
WHERE h.strategy_id = %(strategy)s AND h.epoch = (SELECT epoch FROM since) AND h.reason <> 'fenced'
    AND h.revision BETWEEN (SELECT first FROM since) AND (SELECT last FROM since)
    AND EXISTS (
        SELECT 1 FROM {T_history} e
        WHERE e.strategy_id = %(strategy)s AND e.epoch = (SELECT epoch FROM since)
            AND e.revision = (SELECT last FROM since) AND e.reason <> 'fenced'
    )
ORDER BY h.revision

-- :listed  what is listed of a revision, without the values
SELECT epoch, revision, reason, (extract(epoch FROM saved_at) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - saved_at)::float8, complete, snapshot, octet_length(changed), held_back,
    start_id
FROM {T_history}
WHERE strategy_id = %(strategy)s

-- :revisions  what the history lists, newest first
{listed} AND reason <> 'fenced' AND (epoch, revision) < (%(epoch)s::bigint, %(revision)s::bigint)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s::text)
    AND (%(until)s::timestamptz IS NULL OR saved_at <= %(until)s::timestamptz)
ORDER BY epoch DESC, revision DESC LIMIT %(limit)s::bigint

-- :marked  the same of a reason that is rare, found by the index of such
{listed} AND {rare} AND reason = %(reason)s::text
    AND (epoch, revision) < (%(epoch)s::bigint, %(revision)s::bigint)
    AND (%(until)s::timestamptz IS NULL OR saved_at <= %(until)s::timestamptz)
ORDER BY epoch DESC, revision DESC LIMIT %(limit)s::bigint

-- :later  the first snapshot that was saved later than a time, searched for by halves: times grow with the numbers,
-- but where a clock was set back. No row: nothing was
WITH RECURSIVE search (place, step) AS (
    VALUES (0::bigint, 1::bigint << 62)
    UNION ALL
    SELECT CASE WHEN coalesce((
        SELECT h.saved_at > %(until)s::timestamptz FROM {T_history} h
        WHERE h.strategy_id = %(strategy)s AND h.snapshot AND h.reason <> 'fenced' AND h.revision <= place + step
        ORDER BY h.revision DESC LIMIT 1
    ), false) THEN place ELSE place + step END, step / 2
    FROM search WHERE step > 0
)
SELECT h.epoch, h.revision FROM {T_history} h
WHERE h.strategy_id = %(strategy)s AND h.snapshot AND h.reason <> 'fenced'
    AND h.revision > (SELECT place FROM search WHERE step = 0)
ORDER BY h.revision LIMIT 1

-- :names  the strategies that have a saved state
SELECT strategy_id FROM {T}

-- :ask  somebody asks for an edit, of a strategy that was started once; asked again it is the same one
{with_settings}, asked AS (
    INSERT INTO {T_edits} (strategy_id, token, asked_at, author, note, change, format, taken_by, fate, said, revision)
    SELECT w.strategy_id, %(token)s::text, clock_timestamp(), %(author)s::text, %(note)s::text, %(change)s::text,
        %(format)s::integer, 0, %(fate)s::text, %(said)s::text, 0
    FROM settings CROSS JOIN {T_writers} w
    WHERE w.strategy_id = %(strategy)s AND settings.patience IS NOT NULL
    ON CONFLICT (token) DO NOTHING
    RETURNING strategy_id, fate
)
UPDATE {T_writers} w SET open_edits = open_edits + 1
FROM asked WHERE w.strategy_id = asked.strategy_id AND asked.fate = ''

-- :asked  the number of what was asked for
SELECT id FROM {T_edits} WHERE token = %(token)s

-- :cancel  an edit is taken back, unless the start that runs has taken it up
{with_settings}, found AS MATERIALIZED (
    SELECT w.strategy_id, w.epoch, w.owner
    FROM settings CROSS JOIN {T_writers} w
    WHERE w.strategy_id = %(strategy)s AND settings.patience IS NOT NULL
    FOR UPDATE OF w
), cancelled AS (
    UPDATE {T_edits} e SET fate = 'cancelled'
    FROM found
    WHERE e.id = %(number)s::bigint AND e.strategy_id = found.strategy_id AND e.fate = ''
        AND (e.taken_by <> found.epoch OR found.owner = '')
    RETURNING e.id
)
UPDATE {T_writers} w SET open_edits = open_edits - 1 FROM cancelled WHERE w.strategy_id = %(strategy)s

-- :edits  the newest edits of a strategy, newest first
SELECT id, change, format, author, note, token, (extract(epoch FROM asked_at) * 1000000)::bigint,
    extract(epoch FROM clock_timestamp() - asked_at)::float8, taken_by, fate, said, revision
FROM {T_edits}
WHERE strategy_id = %(strategy)s AND (%(number)s::bigint IS NULL OR id = %(number)s::bigint)
ORDER BY id DESC LIMIT %(limit)s::bigint
-- :tenures  who holds each strategy or held it last, and how many revisions are kept of it, counted up to a bound
SELECT w.strategy_id, w.reason, (
        SELECT count(*) FROM (SELECT FROM {T_history} h WHERE h.strategy_id = w.strategy_id LIMIT 10000) kept
    ), w.epoch, w.owner, w.start_id, (extract(epoch FROM w.lease_until) * 1000000)::bigint::text,
    extract(epoch FROM w.lease_until - clock_timestamp())::float8, w.lease
FROM {T_writers} w
-- :thinner  one thins a history at a time, until its transaction ends
SELECT pg_catalog.pg_try_advisory_xact_lock(
    pg_catalog.hashtextextended(%(strategy)s, pg_catalog.to_regclass(%(history)s)::oid::bigint)
)

-- :page  the history from a place on, oldest first
{listed} AND (epoch, revision) >= (%(epoch)s::bigint, %(revision)s::bigint)
ORDER BY epoch, revision LIMIT 1001

-- :newest_crash  the place of the newest crash
SELECT epoch, revision FROM {T_history}
WHERE strategy_id = %(strategy)s AND {rare} AND reason = 'crash'
ORDER BY epoch DESC, revision DESC LIMIT 1

-- :chain  revisions of one epoch
SELECT revision, reason, extract(epoch FROM clock_timestamp() - saved_at)::float8, complete, snapshot, changed, removed,
    held_back, format
FROM {T_history}
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s::bigint
    AND revision BETWEEN %(first)s::bigint AND %(last)s::bigint AND reason <> 'fenced'
ORDER BY revision

-- :rewrite  what a revision says, where those before it are gone
UPDATE {T_history}
SET snapshot = %(snapshot)s::boolean, changed = %(changed)s::text, removed = %(removed)s::text,
    format = %(format)s::integer
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s::bigint AND revision = %(number)s::bigint

-- :remove  revisions that are kept no longer
DELETE FROM {T_history} h
USING unnest(%(epochs)s::bigint[], %(numbers)s::bigint[]) AS gone (epoch, revision)
WHERE h.strategy_id = %(strategy)s AND h.epoch = gone.epoch AND h.revision = gone.revision

-- :is_set  the settings as a condition, which is met before any row is looked for
(SELECT concat(set_config('lock_timeout', %(patience)s, true), {durable})) IS NOT NULL

-- :is_known  the current state is of the transaction that is known
t.strategy_id = %(strategy)s::text AND t.xmin = %(row_xmin)s::xid

-- :move_on  the writers' row is looked for where it was, and then by its name: an edit and a renewal move it, too
UPDATE {T_writers} w
SET revision = %(number)s::bigint, digest = %(digest)s::text, reason = %(reason)s::text,
    complete = %(complete)s::boolean, held_back = %(held_back)s::text, format = %(format)s::integer,
    written_by = %(epoch)s::bigint, row_xmin = pg_current_xact_id()::xid,
    lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8)
WHERE {is_set}
    AND w.ctid = coalesce(
        (SELECT ctid FROM {T_writers} WHERE ctid = %(writer_place)s::tid AND strategy_id = %(strategy)s::text),
        (SELECT ctid FROM {T_writers} WHERE strategy_id = %(strategy)s::text)
    )
    AND w.epoch = %(epoch)s::bigint AND w.start_id = %(start_id)s::text
    AND w.revision = %(follows)s::bigint AND w.revision < %(number)s::bigint
    AND w.row_xmin = %(row_xmin)s::xid

-- :moved_on  what the rest of the save needs of it
RETURNING w.ctid AS place, w.row_xmin, w.open_edits,
    w.lease_until - make_interval(secs => %(lease)s::float8) AS saved_at

-- :replace  the current state
UPDATE {T} t SET last_updated = done.saved_at, variables = %(variables)s::text
FROM done
WHERE {is_known}

-- :brought  the edits that wait, and where the rows are now; an answer carries the names of its columns
taken AS (
    UPDATE {T_edits} e SET taken_by = %(epoch)s::bigint
    FROM done
    WHERE e.strategy_id = %(strategy)s::text AND e.fate = '' AND done.open_edits > 0
    RETURNING json_build_array(id, change, format, author, note, token) AS edit
)
SELECT (SELECT json_agg(edit)::text FROM taken) AS e,
    concat_ws(' ', place, coalesce((SELECT place FROM replaced), concat('changed beside ', row_xmin)::tid), row_xmin) AS p
FROM done

-- :save_known  a save as most are, by a process that knows where the rows are: what the save before it brought back.
-- The writers' row is written first, for that is where a start that took over is waited for and seen. Should somebody
-- write the current state between the look at it and its update, the last cast fails, and nothing of it is done: see
-- saving.py
WITH done AS (
    {move_on} AND EXISTS (SELECT FROM {T} t WHERE {is_known} AND t.ctid = %(row_place)s::tid)
    {moved_on}
), replaced AS (
    {replace} AND t.ctid = %(row_place)s::tid
    RETURNING t.ctid AS place
), {kept}, {brought}

-- :save_named  the same, that looks for the current state by its name: every few saves, for only that has a page cleared
WITH done AS (
    {move_on} AND EXISTS (SELECT FROM {T} t WHERE {is_known})
    {moved_on}
), replaced AS (
    {replace}
    RETURNING t.ctid AS place
), {kept}, {brought}

-- :take  the strategy of whom nobody holds, or the given owner, in one statement; what comes back is the writers' row as
-- it was before, read under its lock, and the epoch that it has now; none, where it was left as it is
{with_settings}, found AS MATERIALIZED (
    SELECT w.epoch, w.revision, w.start_id, w.owner,
        (extract(epoch FROM w.lease_until) * 1000000)::bigint::text AS stamp,
        extract(epoch FROM w.lease_until - clock_timestamp())::float8 AS lease_left, w.lease, w.digest, w.open_edits,
        w.reason = 'crash' AS crashed
    FROM settings CROSS JOIN {T_writers} w
    WHERE w.strategy_id = %(strategy)s AND settings.patience IS NOT NULL
    FOR UPDATE OF w
), taken AS (
    UPDATE {T_writers} w SET epoch = greatest(found.epoch, %(epoch)s::bigint) + 1,
        revision = greatest(found.revision, %(revision)s::bigint), start_id = %(start_id)s::text,
        owner = %(owner)s::text, lease_until = clock_timestamp() + make_interval(secs => %(lease)s::float8),
        lease = %(lease)s::float8
    FROM found
    WHERE w.strategy_id = %(strategy)s AND found.start_id <> %(start_id)s::text
        AND (found.owner = '' OR (found.epoch = %(held_epoch)s::bigint AND found.owner = %(held_owner)s::text
            AND %(held_stamp)s::text IN ('', found.stamp)))
    RETURNING w.epoch
)
SELECT found.*, taken.epoch FROM found LEFT JOIN taken ON true

-- :said  what revisions say, from one place to another
SELECT epoch, revision, changed, removed, held_back FROM {T_history}
WHERE strategy_id = %(strategy)s AND (epoch, revision) >= (%(epoch)s::bigint, %(revision)s::bigint)
    AND (epoch, revision) <= (%(last_epoch)s::bigint, %(last_revision)s::bigint)
ORDER BY epoch, revision

-- :say  what a revision says without what is erased
UPDATE {T_history} SET changed = %(changed)s::text, removed = %(removed)s::text, held_back = %(held_back)s::text
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s::bigint AND revision = %(revision)s::bigint

-- :noted  what edits say, in their order
SELECT id, change, note, said FROM {T_edits}
WHERE strategy_id = %(strategy)s AND id > %(after)s::bigint AND id <= %(last)s::bigint
ORDER BY id LIMIT %(limit)s::bigint

-- :note  what an edit says without what is erased
UPDATE {T_edits} SET change = %(change)s::text, note = %(note)s::text, said = %(said)s::text
WHERE strategy_id = %(strategy)s AND id = %(number)s::bigint

-- :vacuum  room that nothing stands in any more is given free; what is not this role's is skipped with a warning
VACUUM {T}, {T_writers}, {T_history}, {T_edits}

-- :signatures  who asked for the edits that some revisions hold
SELECT revision, id, author, note FROM {T_edits}
WHERE strategy_id = %(strategy)s AND fate = 'applied'
    AND revision BETWEEN %(first)s::bigint AND %(last)s::bigint
ORDER BY id

-- :current_calm  the state of a strategy that did not crash last: what looks for crashes takes the server as long as all
-- the rest, also where it finds none
{state}, NULL, NULL
{state_from}
WHERE t.strategy_id = %(strategy)s
