"""Your code → records: decorators, scopes, the context in force, and what is reported from inside a run.

The public names are in ``atlas_otel/__init__.py``; ``state`` holds what ``configure`` installed.
"""
