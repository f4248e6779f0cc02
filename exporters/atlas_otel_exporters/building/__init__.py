"""Rows and lines made of records alone, without a database: what a build from the lake runs on every core."""
