"""The demo: an analyst that answers questions about the Python environment it runs in, recorded as any agent would be.

``environment`` loads what is installed into SQLite, ``model`` is what the analyst thinks with, ``analyst`` the agent as
a user of atlas-otel would write it, ``run`` the whole way, ``report`` what is printed at its end.
"""
