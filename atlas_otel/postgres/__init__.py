"""The store in Postgres: records, and the contract's rows that are projected from them.

``writer`` takes records in, ``projector`` and ``rows_writer`` keep the rows up to date, ``resolver`` finds the sessions
of foreign traces; SQL is in ``sql/``, the schema in ``migrations/``.
From outside: ``store.PostgresStore``, ``storage.open_storage``, ``dsn``, ``connect``, ``migrate``, ``failures``,
``reaper``, ``sessions`` and ``session_names``.
"""
