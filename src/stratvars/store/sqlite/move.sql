-- :names  the strategies of which there is something
SELECT strategy_id FROM {T} UNION SELECT strategy_id FROM {T_writers} WHERE revision > 0

-- :row  the row of the user's table
SELECT id, last_updated, CAST(variables AS TEXT) FROM {T} WHERE strategy_id = ?

-- :writer_row  what the writers' row says of the newest revision
SELECT epoch, revision, start_id, lease, digest, reason, complete, held_back, format, written_by
FROM {T_writers} WHERE strategy_id = ?

-- :holder  who holds it
SELECT epoch, owner, start_id, lease_until, (julianday(lease_until) - julianday('now')) * 86400.0, lease
FROM {T_writers} WHERE strategy_id = ?

-- :since  the newest snapshot that is not later than the last completed iteration, or else the newest of all
WITH done AS (
    SELECT epoch, revision FROM {T_history}
    WHERE strategy_id = :strategy AND complete AND reason <> 'fenced'
    ORDER BY epoch DESC, revision DESC LIMIT 1
)
SELECT epoch, revision FROM {T_history}
WHERE strategy_id = :strategy AND snapshot AND reason <> 'fenced'
    AND (epoch, revision) <= (
        coalesce((SELECT epoch FROM done), 9223372036854775807),
        coalesce((SELECT revision FROM done), 9223372036854775807)
    )
ORDER BY epoch DESC, revision DESC LIMIT 1

-- :count  revisions from a place on
SELECT count(*) FROM {T_history} WHERE strategy_id = ? AND (epoch, revision) >= (?, ?)

-- :start_of  which start saved a revision
SELECT start_id FROM {T_history} WHERE strategy_id = ? AND epoch = ? AND revision = ?

-- :rows  the revisions from a place on
SELECT epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format
FROM {T_history} WHERE strategy_id = ? AND (epoch, revision) >= (?, ?) ORDER BY epoch, revision

-- :put_row  an id that another strategy has is not used twice; a text that is no UTF-8 comes as its bytes
INSERT INTO {T} (id, last_updated, variables, strategy_id)
VALUES (CASE WHEN EXISTS (SELECT 1 FROM {T} WHERE id = :id) THEN :other ELSE :id END, :last_updated,
    CAST(:variables AS TEXT), :strategy)
ON CONFLICT (strategy_id) DO UPDATE SET last_updated = excluded.last_updated, variables = excluded.variables

-- :add_writer  of a strategy that was not there; released
INSERT INTO {T_writers} (strategy_id, epoch, revision, start_id, owner, lease_until, lease, digest, reason, complete,
    held_back, format, written_by, open_edits)
VALUES (:strategy, :epoch, :revision, :start_id, '', strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), :lease, :digest,
    :reason, :complete, :held_back, :format, :written_by, 0)

-- :put_writer  over the one that was looked at; the epoch never falls
UPDATE {T_writers} SET epoch = max(epoch, :epoch), revision = :revision, start_id = :start_id, owner = '',
    lease_until = strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), lease = :lease, digest = :digest, reason = :reason,
    complete = :complete, held_back = :held_back, format = :format, written_by = :written_by
WHERE strategy_id = :strategy

-- :add_history  one revision, unless it is there
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
VALUES (:strategy, :epoch, :revision, :saved_at, :reason, :complete, :snapshot, CAST(:changed AS TEXT), :removed,
    :held_back, :start_id, :format)
ON CONFLICT (strategy_id, epoch, revision) DO NOTHING

-- :rename_row  to another name
UPDATE {T} SET strategy_id = :new WHERE strategy_id = :old

-- :rename_writer  the same
UPDATE {T_writers} SET strategy_id = :new WHERE strategy_id = :old

-- :rename_history  the same
UPDATE {T_history} SET strategy_id = :new WHERE strategy_id = :old

-- :rename_edits  the same
UPDATE {T_edits} SET strategy_id = :new WHERE strategy_id = :old

-- :drop_row  away with it
DELETE FROM {T} WHERE strategy_id = ?

-- :drop_writer  the same
DELETE FROM {T_writers} WHERE strategy_id = ?

-- :drop_history  the same
DELETE FROM {T_history} WHERE strategy_id = ?

-- :drop_edits  the same
DELETE FROM {T_edits} WHERE strategy_id = ?

-- :waiting  how many edits wait for it
SELECT open_edits FROM {T_writers} WHERE strategy_id = ?
