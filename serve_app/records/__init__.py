"""What is on disk passes here: the tables, one module per kind of row, and who holds which row (leases)."""
