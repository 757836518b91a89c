"""What all rooms speak in: roles, keys and scales, units, and what a word changes of a sound."""
