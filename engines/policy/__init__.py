"""The operator's own IAM policy: what goes into it, and how it is made ready for an account."""
