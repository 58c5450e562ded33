"""What stands in for AWS and for the source on one machine.

Used by the local inventory and by tests; production never imports it.
"""
