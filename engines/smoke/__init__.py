"""Smoke tests over HTTP: what must be true of a running service, and that two services answer alike.

``checks`` is pure (paths into JSON, assertions, differences); ``http`` sends; ``run`` puts them together.
"""
