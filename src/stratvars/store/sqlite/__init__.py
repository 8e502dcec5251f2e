"""The embedded database: one SQLite file, with its write-ahead log beside it while a bot runs."""
