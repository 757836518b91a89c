"""Models: one file or one folder is one; `contract.py` says what a model is, `serve_app/app.py` makes it a deployment."""
