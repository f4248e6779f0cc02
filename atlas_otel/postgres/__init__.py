"""Postgres: where the records and the contract's rows are kept."""
