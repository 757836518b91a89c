"""An HTTP request comes in here and its answer leaves: doors, keys, bodies, one file of routes per resource."""
