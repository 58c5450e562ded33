"""Bringing a database's schema to a revision of the code, with Alembic."""
