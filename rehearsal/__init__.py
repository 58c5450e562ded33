"""The source and the AWS target of a rehearsal, on one machine.

Used by the local inventory and by tests; production never imports it.
"""
