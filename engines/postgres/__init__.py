"""Copying a PostgreSQL database into another, and proving that the copy is equal.

``plan`` decides (pure), ``clone`` executes, ``compare`` proves. Everything runs as an ordinary role that
owns the target database, as on a managed PostgreSQL.
"""
