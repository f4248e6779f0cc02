"""The record in an open table format (Apache Iceberg) on a disk or an object store, written and read without a JVM.

Others use :func:`table.open_lake`, :mod:`schema` (the columns, and a record as a row of them) and :mod:`merging`.
"""
