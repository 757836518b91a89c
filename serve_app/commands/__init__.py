"""`continuo ...`: words typed in a shell become calls of the service or of its parts, and answers become lines."""
