"""Records on their way to a store: a journal in memory or spool files, the drain thread, and accounts of every record.

From outside: ``drain``, ``journal``, ``journal_recorder``, ``accounts`` and ``metrics``; of the spool, ``spool``,
``spool_folder``, ``spool_owner`` and ``spool_status``.
"""
