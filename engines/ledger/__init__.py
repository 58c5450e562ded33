"""The ledger: who is running, what each phase did, and what it handed on, kept in a bucket of its own.

Keys of the state bucket: ``lock.json`` (present while a run works), ``state.json`` (the latest record of each
phase) and ``runs/<run id>.json`` (everything one run did, never overwritten by another run).
"""
