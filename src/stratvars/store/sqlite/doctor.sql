-- :present  whether anything has the name; SQLite ignores case
SELECT 1 FROM sqlite_master WHERE lower(name) = lower(?)

-- :lost  strategies that were saved, and whose row is gone
SELECT w.strategy_id FROM {T_writers} w
WHERE w.revision > 0 AND NOT EXISTS (SELECT 1 FROM {T} t WHERE t.strategy_id = w.strategy_id)
