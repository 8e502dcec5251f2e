-- :present  whether anything has the name; SQLite ignores case
SELECT 1 FROM sqlite_master WHERE lower(name) = lower(?)

-- :lost  strategies that were saved, and whose row is gone
SELECT w.strategy_id FROM {T_writers} w
WHERE w.revision > 0 AND NOT EXISTS (SELECT 1 FROM {T} t WHERE t.strategy_id = w.strategy_id)

-- :rowids  from which to which row the history goes
SELECT (SELECT min(rowid) FROM {T_history}), (SELECT max(rowid) FROM {T_history})

-- :growth  what is kept of each strategy, from one row by chance of each so many; a row that is gone counts as none
WITH RECURSIVE picks (first, at) AS (
    SELECT :first, :first + abs(random() % :step)
    UNION ALL
    SELECT first + :step, first + :step + abs(random() % :step) FROM picks WHERE first + :step <= :last
), found AS (
    SELECT h.strategy_id, length(CAST(h.changed AS BLOB)) + :row AS size,
        (julianday('now') - julianday(h.saved_at)) * 86400.0 AS age
    FROM picks CROSS JOIN {T_history} h ON h.rowid = picks.at
)
SELECT strategy_id, count(*), sum(size), coalesce(sum(age < 86400.0), 0),
    sum(CASE WHEN age < 86400.0 THEN size ELSE 0 END), coalesce(max(age), 0.0)
FROM found GROUP BY strategy_id
