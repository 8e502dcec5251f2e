"""PostgreSQL: the contract's database, shared by many bots on many machines."""
