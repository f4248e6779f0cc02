"""docs/reference/tables.md against a migrated database: tables and columns are those that exist, statements run."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")


def test_the_page_names_the_tables_and_columns_that_exist(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        query = (
            "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = ANY(%s)"
        )
        found = connection.execute(query, [["public", "atlas_otel"]]).fetchall()
    columns: dict[str, set[str]] = {}
    for schema, table, column in found:
        columns.setdefault(f"{schema}.{table}", set()).add(column)
    named = set(re.findall(r"`(atlas_otel\.\w+)`", PAGE.split("## The record")[1]))
    assert named <= set(columns)
    contract = PAGE.split("## The contract's tables")[1].split("## The record")[0]
    for part in contract.split("### ")[1:]:
        names = part.splitlines()[0].split(", ")
        for table in names:
            rows = [line for line in part.splitlines() if line.startswith("| `")]
            # A section of one table has a row for each column; one of several has a row for each table.
            cells = [row.split("|")[1] for row in rows] if len(names) == 1 else [r for r in rows if f"| `{table}`" in r]
            assert set(re.findall(r"`(\w+)`", " ".join(cells))) - {table} == columns[f"public.{table}"], table


def test_its_statements_run(database_url: str) -> None:
    statements = re.findall(r"```sql\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(statements) >= 3
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement).fetchall()
