"""Releases on ECS: a task definition by digest, a service, a rollout that is waited for, and a way back.

``definition`` and ``plan`` are pure; ``service`` reads what is there; ``rollout`` changes it and waits with
``watch``, after a ``trial`` if there is to be one; ``explain`` says why it failed, ``recover`` undoes it.
``rollback`` brings back an earlier revision; ``scaling`` lets AWS choose the number of tasks.
"""
