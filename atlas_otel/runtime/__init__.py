"""The governed run: an adapter's handshake and hooks, with lanes, teacher, judges and review around them.

From outside: ``run``, ``batch``, ``assembly``, ``describe`` and ``config_schema``.
"""
