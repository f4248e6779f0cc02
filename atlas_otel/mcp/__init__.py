"""Recorded runs for an assistant that debugs an agent: read-only tools over the Model Context Protocol.

From outside: ``server.serve_stdio`` and ``server.serve_http``. Needs the extra ``mcp``.
"""
