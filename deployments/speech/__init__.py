"""Models that speak: a text goes through `text/` and comes back as pieces, each model makes them sound."""
