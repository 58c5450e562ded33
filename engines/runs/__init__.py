"""Which run a process of this machine belongs to, who owns that run, and whether it still lives."""
