"""Files that callers bring become assets: looked at in a process of their own, stored once per owner, named by id."""
