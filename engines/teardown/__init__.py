"""Taking a platform down: what is there, what would be done, doing it, and the proof that nothing is left."""
