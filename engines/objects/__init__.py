"""Objects: copy a bucket from one S3 store to another, and prove that every object arrived.

The source is only read. ``mirror`` plans (``plan``, pure), copies, and records a proof per object
(``manifest``); ``compare`` checks the two sides again, independently. Keys are relative to the prefix of
their side.
"""
