"""A database instance brought back to an earlier moment: restored beside, compared, switched to."""
