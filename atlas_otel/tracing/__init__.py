"""Your code → records: decorators, the span that runs, the context in force, and what is reported from inside a run.

The public names are in ``atlas_otel/__init__.py``. From outside: ``state`` (what ``configure`` installed), ``context``,
``active_span``, ``instrument``, ``reporting`` and ``ids``.
"""
