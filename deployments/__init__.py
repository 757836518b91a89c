"""One file (or one folder) here is one model; `contract.py` says what a model is."""
