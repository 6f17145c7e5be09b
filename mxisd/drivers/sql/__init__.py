"""Databases of others, asked in SQL: SQLite, PostgreSQL, MariaDB and MySQL."""
