"""Your code → records: decorators, the running span, the current context, and reports from inside a run.

The public names are in ``atlas_otel/__init__.py``. From outside: ``state`` (what ``configure`` installed), ``context``,
``active_span``, ``instrument``, ``reporting`` and ``ids``.
"""
