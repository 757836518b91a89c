"""The application: HTTP in, jobs, models, storage. Read app.py first, then the files in the order of a request."""

__version__ = "0.1.0"
