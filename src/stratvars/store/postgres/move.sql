-- :names  the strategies of which there is something
SELECT strategy_id FROM {T} UNION SELECT strategy_id FROM {T_writers} WHERE revision > 0

-- :row  the row of the user's table; a time as a number, for its text depends on the role's settings
SELECT id, (extract(epoch FROM last_updated) * 1000000)::bigint, variables FROM {T} WHERE strategy_id = %(strategy)s

-- :writer_row  what the writers' row says of the newest revision
SELECT epoch, revision, start_id, lease, digest, reason, complete, held_back, format, written_by
FROM {T_writers} WHERE strategy_id = %(strategy)s

-- :holder  who holds it; locked until the transaction ends
SELECT epoch, owner, start_id, (extract(epoch FROM lease_until) * 1000000)::bigint::text,
    extract(epoch FROM lease_until - clock_timestamp())::float8, lease
FROM {T_writers} WHERE strategy_id = %(strategy)s FOR UPDATE

-- :since  the newest snapshot that is not later than the last completed iteration, or else the newest of all
WITH done AS (
    SELECT epoch, revision FROM {T_history}
    WHERE strategy_id = %(strategy)s AND complete AND reason <> 'fenced'
    ORDER BY epoch DESC, revision DESC LIMIT 1
)
SELECT epoch, revision FROM {T_history}
WHERE strategy_id = %(strategy)s AND snapshot AND reason <> 'fenced'
    AND (epoch, revision) <= (
        coalesce((SELECT epoch FROM done), 9223372036854775807),
        coalesce((SELECT revision FROM done), 9223372036854775807)
    )
ORDER BY epoch DESC, revision DESC LIMIT 1

-- :count  revisions from a place on
SELECT count(*) FROM {T_history}
WHERE strategy_id = %(strategy)s AND (epoch, revision) >= (%(epoch)s::bigint, %(revision)s::bigint)

-- :start_of  which start saved a revision
SELECT start_id FROM {T_history}
WHERE strategy_id = %(strategy)s AND epoch = %(epoch)s::bigint AND revision = %(revision)s::bigint

-- :rows  some revisions from a place on
SELECT epoch, revision, (extract(epoch FROM saved_at) * 1000000)::bigint, reason, complete, snapshot, changed, removed,
    held_back, start_id, format
FROM {T_history}
WHERE strategy_id = %(strategy)s AND (epoch, revision) >= (%(epoch)s::bigint, %(revision)s::bigint)
ORDER BY epoch, revision LIMIT %(limit)s::bigint

-- :put_row  an id that another strategy has is not used twice
INSERT INTO {T} (id, last_updated, variables, strategy_id)
SELECT CASE WHEN EXISTS (SELECT FROM {T} WHERE id = %(id)s::text) THEN %(other)s::text ELSE %(id)s::text END,
    %(last_updated)s::timestamptz, %(variables)s::text, %(strategy)s::text
ON CONFLICT (strategy_id) DO UPDATE SET last_updated = excluded.last_updated, variables = excluded.variables

-- :add_writer  of a strategy that was not there; released. Beside a start that was faster it fails
INSERT INTO {T_writers} (strategy_id, epoch, revision, start_id, owner, lease_until, lease, digest, reason, complete,
    held_back, format, written_by, row_xmin, open_edits)
VALUES (%(strategy)s, %(epoch)s, %(revision)s, %(start_id)s, '', clock_timestamp(), %(lease)s, %(digest)s, %(reason)s,
    %(complete)s, %(held_back)s, %(format)s, %(written_by)s, '0', 0)

-- :put_writer  over the one that was looked at; the epoch never falls
UPDATE {T_writers} SET epoch = greatest(epoch, %(epoch)s::bigint), revision = %(revision)s, start_id = %(start_id)s,
    owner = '', lease_until = clock_timestamp(), lease = %(lease)s, digest = %(digest)s, reason = %(reason)s,
    complete = %(complete)s, held_back = %(held_back)s, format = %(format)s, written_by = %(written_by)s
WHERE strategy_id = %(strategy)s

-- :add_history  revisions, but for those that are there
INSERT INTO {T_history}
    (strategy_id, epoch, revision, saved_at, reason, complete, snapshot, changed, removed, held_back, start_id, format)
SELECT %(strategy)s::text, *
FROM unnest(%(epoch)s::bigint[], %(revision)s::bigint[], %(saved_at)s::timestamptz[], %(reason)s::text[],
    %(complete)s::boolean[], %(snapshot)s::boolean[], %(changed)s::text[], %(removed)s::text[], %(held_back)s::text[],
    %(start_id)s::text[], %(format)s::integer[])
ON CONFLICT (strategy_id, epoch, revision) DO NOTHING

-- :rename_row  to another name
UPDATE {T} SET strategy_id = %(new)s WHERE strategy_id = %(old)s

-- :rename_writer  the same
UPDATE {T_writers} SET strategy_id = %(new)s WHERE strategy_id = %(old)s

-- :rename_history  the same
UPDATE {T_history} SET strategy_id = %(new)s WHERE strategy_id = %(old)s

-- :rename_edits  the same
UPDATE {T_edits} SET strategy_id = %(new)s WHERE strategy_id = %(old)s

-- :drop_row  away with it
DELETE FROM {T} WHERE strategy_id = %(strategy)s

-- :drop_writer  the same
DELETE FROM {T_writers} WHERE strategy_id = %(strategy)s

-- :drop_history  the same
DELETE FROM {T_history} WHERE strategy_id = %(strategy)s

-- :drop_edits  the same
DELETE FROM {T_edits} WHERE strategy_id = %(strategy)s

-- :waiting  how many edits wait for it
SELECT open_edits FROM {T_writers} WHERE strategy_id = %(strategy)s
