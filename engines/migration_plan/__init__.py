"""The plan of the whole journey: what each phase would do, as one page that a person can sign."""
