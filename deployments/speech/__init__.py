"""Models of speech: a text in pieces, each read, spoken and joined to the one before it."""
