"""``atlas-otel ui``: the page where people review what trains and see how the agent does, and its JSON API.

From outside: ``server.serve`` and ``options.UiOptions``. Needs the extra ``ui``. ``openapi.json`` describes the API; it
is written from ``operations`` and ``shapes`` by ``scripts/openapi.py``, and the page's types are made from it.
"""
