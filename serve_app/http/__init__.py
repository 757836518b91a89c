"""An HTTP request comes in here and its answer leaves: hosts and origins, bodies, one file of routes per resource."""
