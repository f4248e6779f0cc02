"""Records on their way to a store: journal in memory or spool files, the drain thread, and accounts of every record.

From outside: ``drain.Drain``, ``journal``, ``spool*`` and ``accounts.Accounts``.
"""
