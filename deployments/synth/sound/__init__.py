"""Places and a score go in; a graph of the engine's nodes, its events and samples come out."""
