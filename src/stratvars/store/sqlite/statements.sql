-- :create_table  the contract's table: one row per strategy, always its current state
CREATE TABLE IF NOT EXISTS {T} (
    id TEXT NOT NULL PRIMARY KEY,
    last_updated TIMESTAMP NOT NULL,
    variables TEXT NOT NULL,
    strategy_id TEXT NOT NULL UNIQUE
)

-- :create_writers  one small row per strategy: who may write, and what was written last
CREATE TABLE IF NOT EXISTS {T_writers} (
    strategy_id TEXT NOT NULL PRIMARY KEY,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    start_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    lease_until TIMESTAMP NOT NULL,
    lease REAL NOT NULL,
    digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    complete INTEGER NOT NULL,
    held_back TEXT NOT NULL,
    format INTEGER NOT NULL,
    written_by INTEGER NOT NULL,
    open_edits INTEGER NOT NULL
) WITHOUT ROWID

-- :create_history  every revision that changed something: what it set and unset, and why
CREATE TABLE IF NOT EXISTS {T_history} (
    strategy_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    saved_at TIMESTAMP NOT NULL,
    reason TEXT NOT NULL,
    complete INTEGER NOT NULL,
    snapshot INTEGER NOT NULL,
    changed TEXT NOT NULL,
    removed TEXT NOT NULL,
    held_back TEXT NOT NULL,
    start_id TEXT NOT NULL,
    format INTEGER NOT NULL,
    PRIMARY KEY (strategy_id, epoch, revision)
)

-- :index_snapshots  reading back begins at one; few revisions are, so a save hardly pays for it
CREATE INDEX IF NOT EXISTS {T_shots} ON {T_history} (strategy_id, revision) WHERE snapshot AND reason <> 'fenced'

-- :rare  reasons that few revisions have; a loop may save by hand as often as others after an iteration
reason <> 'iteration' AND reason <> 'manual'

-- :index_marks  what is rare: crashes, stops, edits
CREATE INDEX IF NOT EXISTS {T_marks} ON {T_history} (strategy_id, reason, epoch, revision)
WHERE {rare}

-- :create_edits  what somebody asks to be changed, and what became of it
CREATE TABLE IF NOT EXISTS {T_edits} (
    id INTEGER PRIMARY KEY,
    strategy_id TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE,
    asked_at TIMESTAMP NOT NULL,
    author TEXT NOT NULL,
    note TEXT NOT NULL,
    change TEXT NOT NULL,
    format INTEGER NOT NULL,
    taken_by INTEGER NOT NULL,
    fate TEXT NOT NULL,
    said TEXT NOT NULL,
    revision INTEGER NOT NULL
)

-- :writer  who holds a strategy and what was written last
SELECT epoch, revision, start_id, owner, lease_until, (julianday(lease_until) - julianday('now')) * 86400.0, lease,
    digest, open_edits
FROM {T_writers} WHERE strategy_id = ?

-- :known  what the history knows of a strategy without a row, which was removed by somebody
SELECT coalesce(max(epoch), 0), coalesce(max(revision), 0), '', '' FROM {T_history} WHERE strategy_id = ?

-- :add_writer  the first start of a strategy
INSERT INTO {T_writers}
    (epoch, revision, start_id, owner, lease_until, lease, strategy_id, digest, reason, complete, held_back, format,
    written_by, open_edits)
VALUES (?, ?, ?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?), ?, ?, '', '', 0, '{}', 0, 0, 0)

-- :take_writer  a later start of a strategy
UPDATE {T_writers}
SET epoch = ?, revision = ?, start_id = ?, owner = ?,
    lease_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?), lease = ?
WHERE strategy_id = ?

-- :renew_writer  the start lives: its lease begins anew
UPDATE {T_writers} SET lease_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?) WHERE strategy_id = ?

-- :release_writer  nobody holds the strategy any more
UPDATE {T_writers} SET owner = '' WHERE strategy_id = ? AND epoch = ? AND start_id = ?

-- :forget_writer  the first start leaves no trace where it never saved. Without the row of a later one, a start before it
-- that stands still would not be fenced
DELETE FROM {T_writers} WHERE strategy_id = ? AND epoch = ? AND epoch = 1 AND start_id = ? AND revision = 0
    AND NOT EXISTS (SELECT 1 FROM {T_history} h WHERE h.strategy_id = {T_writers}.strategy_id)

-- :variables  the current state alone; what another hand put there as a blob is its bytes as a text
SELECT CAST(variables AS TEXT) FROM {T} WHERE strategy_id = ?

-- :save_row  the current state; the row keeps its id for ever
UPDATE {T} SET last_updated = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), variables = ? WHERE strategy_id = ?

-- :add_row  the first one of a strategy
INSERT INTO {T} (variables, strategy_id, id, last_updated)
VALUES (?, ?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'))

-- :version  changes when another connection has written to the file since this one looked; sqlite.org/pragma.html
PRAGMA data_version

-- :save_writer  what was written last; the lease begins anew
UPDATE {T_writers}
SET revision = ?, digest = ?, reason = ?, complete = ?, held_back = ?, format = ?, written_by = ?,
    lease_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?)
WHERE strategy_id = ?

-- :save_history  the revision itself
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
VALUES (?, ?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), ?, ?, ?, ?, ?, ?, ?, ?)

-- :keep_fenced  a revision that was refused, beside those that were current
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
VALUES (?, ?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (strategy_id, epoch, revision) DO NOTHING

-- :states  current states, each with its age by the database's clock and its crashes; no time is 1970, day 2440587.5
SELECT t.strategy_id, CAST(t.variables AS TEXT), t.last_updated,
    (julianday('now') - coalesce(julianday(t.last_updated), 2440587.5)) * 86400.0,
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
LEFT JOIN {T_history} done ON done.rowid = CASE WHEN w.reason = 'crash' THEN (
    SELECT h.rowid FROM {T_history} h
    WHERE h.strategy_id = t.strategy_id AND h.complete AND h.reason <> 'fenced'
    ORDER BY h.epoch DESC, h.revision DESC LIMIT 1
) END

-- :current  of one strategy
{states}
WHERE t.strategy_id = ?

-- :all_current  of every strategy, by name
{states}
ORDER BY t.strategy_id

-- :history  what the state as of a moment is made of: a revision, or without one the last completed iteration. A start
-- begins with a snapshot, so all of it is of one epoch, and is found by its key
WITH wanted AS (
    SELECT coalesce(:revision, (
        SELECT revision FROM {T_history}
        WHERE strategy_id = :strategy AND complete AND reason <> 'fenced'
        ORDER BY epoch DESC, revision DESC LIMIT 1
    )) AS revision
), since AS (
    SELECT h.epoch, h.revision AS first, (SELECT revision FROM wanted) AS last FROM {T_history} h
    WHERE h.strategy_id = :strategy AND h.snapshot AND h.reason <> 'fenced'
        AND h.revision <= (SELECT revision FROM wanted)
    ORDER BY h.revision DESC LIMIT 1
)
SELECT h.revision, h.reason, (julianday('now') - coalesce(julianday(h.saved_at), 2440587.5)) * 86400.0, h.complete,
    h.snapshot, h.changed, h.removed, h.held_back, h.format
FROM {T_history} h
WHERE h.strategy_id = :strategy AND h.epoch = (SELECT epoch FROM since) AND h.reason <> 'fenced'
    AND h.revision BETWEEN (SELECT first FROM since) AND (SELECT last FROM since)
    AND EXISTS (
        SELECT 1 FROM {T_history} e
        WHERE e.strategy_id = :strategy AND e.epoch = (SELECT epoch FROM since)
            AND e.revision = (SELECT last FROM since) AND e.reason <> 'fenced'
    )
ORDER BY h.revision

-- :listed  what is listed of a revision, without the values
SELECT epoch, revision, reason, saved_at, (julianday('now') - coalesce(julianday(saved_at), 2440587.5)) * 86400.0, complete,
    snapshot, length(CAST(changed AS BLOB)), held_back, start_id
FROM {T_history}
WHERE strategy_id = :strategy

-- :revisions  what the history lists, newest first
{listed} AND reason <> 'fenced' AND (epoch, revision) < (:epoch, :revision)
    AND (:reason IS NULL OR reason = :reason) AND (:until IS NULL OR julianday(saved_at) <= julianday(:until))
ORDER BY epoch DESC, revision DESC LIMIT :limit

-- :marked  the same of a reason that is rare, found by the index of such
{listed} AND {rare} AND reason = :reason AND (epoch, revision) < (:epoch, :revision)
    AND (:until IS NULL OR julianday(saved_at) <= julianday(:until))
ORDER BY epoch DESC, revision DESC LIMIT :limit

-- :later  the first snapshot that was saved later than a time, searched for by halves: times grow with the numbers,
-- but where a clock was set back. No row: nothing was
WITH RECURSIVE search (place, step) AS (
    VALUES (0, 1 << 62)
    UNION ALL
    SELECT CASE WHEN coalesce((
        SELECT julianday(h.saved_at) > julianday(:until) FROM {T_history} h
        WHERE h.strategy_id = :strategy AND h.snapshot AND h.reason <> 'fenced' AND h.revision <= place + step
        ORDER BY h.revision DESC LIMIT 1
    ), 0) THEN place ELSE place + step END, step / 2
    FROM search WHERE step > 0
)
SELECT h.epoch, h.revision FROM {T_history} h
WHERE h.strategy_id = :strategy AND h.snapshot AND h.reason <> 'fenced'
    AND h.revision > (SELECT place FROM search WHERE step = 0)
ORDER BY h.revision LIMIT 1

-- :names  the strategies that have a saved state
SELECT strategy_id FROM {T} ORDER BY strategy_id

-- :ask  somebody asks for an edit; asked again it is the same one
INSERT INTO {T_edits} (strategy_id, token, asked_at, author, note, change, format, taken_by, fate, said, revision)
VALUES (?, ?, strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), ?, ?, ?, ?, 0, ?, ?, 0)
ON CONFLICT (token) DO NOTHING

-- :count_edits  so many more wait, or less
UPDATE {T_writers} SET open_edits = open_edits + ? WHERE strategy_id = ?

-- :asked  the number of what was asked for
SELECT id FROM {T_edits} WHERE token = ?

-- :take_edits  the start that runs has them
UPDATE {T_edits} SET taken_by = ? WHERE strategy_id = ? AND fate = ''

-- :open_edits  those that wait, in their order
SELECT id, change, format, author, note, token FROM {T_edits} WHERE strategy_id = ? AND fate = '' ORDER BY id

-- :resolve  what became of one
UPDATE {T_edits} SET fate = ?, said = ?, revision = ? WHERE id = ? AND strategy_id = ? AND fate = ''

-- :cancel  an edit is taken back, unless the start that runs has taken it up
UPDATE {T_edits} SET fate = 'cancelled'
WHERE id = ? AND strategy_id = ? AND fate = '' AND NOT EXISTS (
    SELECT 1 FROM {T_writers} w
    WHERE w.strategy_id = {T_edits}.strategy_id AND w.epoch = {T_edits}.taken_by AND w.owner <> ''
)

-- :edits  the newest edits of a strategy, newest first
SELECT id, change, format, author, note, token, asked_at,
    (julianday('now') - coalesce(julianday(asked_at), 2440587.5)) * 86400.0, taken_by, fate, said, revision
FROM {T_edits}
WHERE strategy_id = :strategy AND (:number IS NULL OR id = :number)
ORDER BY id DESC LIMIT :limit
-- :tenures  who holds each strategy or held it last, and how many revisions are kept of it, counted up to a bound
SELECT w.strategy_id, w.reason, (
        SELECT count(*) FROM (SELECT 1 FROM {T_history} h WHERE h.strategy_id = w.strategy_id LIMIT 10000) kept
    ), w.epoch, w.owner, w.start_id, w.lease_until, (julianday(w.lease_until) - julianday('now')) * 86400.0, w.lease
FROM {T_writers} w
-- :page  the history from a place on, oldest first
{listed} AND (epoch, revision) >= (:epoch, :revision)
ORDER BY epoch, revision LIMIT 1001

-- :newest_crash  the place of the newest crash
SELECT epoch, revision FROM {T_history}
WHERE strategy_id = :strategy AND {rare} AND reason = 'crash'
ORDER BY epoch DESC, revision DESC LIMIT 1

-- :chain  revisions of one epoch
SELECT revision, reason, (julianday('now') - coalesce(julianday(saved_at), 2440587.5)) * 86400.0, complete, snapshot,
    changed, removed, held_back, format
FROM {T_history}
WHERE strategy_id = :strategy AND epoch = :epoch AND revision BETWEEN :first AND :last AND reason <> 'fenced'
ORDER BY revision

-- :rewrite  what a revision says, where those before it are gone
UPDATE {T_history} SET snapshot = :snapshot, changed = :changed, removed = :removed, format = :format
WHERE strategy_id = :strategy AND epoch = :epoch AND revision = :number

-- :remove  a revision that is kept no longer
DELETE FROM {T_history} WHERE strategy_id = :strategy AND epoch = :epoch AND revision = :number

-- :said  what revisions say, from one place to another
SELECT epoch, revision, changed, removed, held_back FROM {T_history}
WHERE strategy_id = :strategy AND (epoch, revision) >= (:epoch, :revision)
    AND (epoch, revision) <= (:last_epoch, :last_revision)
ORDER BY epoch, revision

-- :say  what a revision says without what is erased; a text that is no UTF-8 comes as its bytes
UPDATE {T_history} SET changed = CAST(:changed AS TEXT), removed = :removed, held_back = :held_back
WHERE strategy_id = :strategy AND epoch = :epoch AND revision = :revision

-- :noted  what edits say, in their order
SELECT id, change, note, said FROM {T_edits}
WHERE strategy_id = :strategy AND id > :after AND id <= :last ORDER BY id LIMIT :limit

-- :note  what an edit says without what is erased
UPDATE {T_edits} SET change = :change, note = :note, said = :said WHERE strategy_id = :strategy AND id = :number

-- :wipe  what is overwritten or deleted on this connection from now on is overwritten with zeros
PRAGMA secure_delete = ON

-- :rewrite_file  every page anew, from what is there alone; what was deleted before stood between it and on free pages
VACUUM

-- :empty_log  the log brought into the file, and cut to nothing; sqlite.org/pragma.html
PRAGMA wal_checkpoint(TRUNCATE)

-- :signatures  who asked for the edits that some revisions hold
SELECT revision, id, author, note FROM {T_edits}
WHERE strategy_id = :strategy AND fate = 'applied' AND revision BETWEEN :first AND :last ORDER BY id

-- :move_on  the fence too: nothing unless this start holds the strategy, wrote last what comes before, and no edit waits
{save_writer} AND epoch = ? AND start_id = ? AND revision = ? AND digest <> '' AND open_edits = 0
