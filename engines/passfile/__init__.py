"""Handing an address on to programs that speak libpq, without handing on its password."""
