"""Writing a passfile: programs that speak libpq log in without the password in an argument or a log."""

from engines.passfile.file import remove
from engines.passfile.login import keep_password, look, verifier_of
from engines.passfile.model import Login

__all__ = ["Login", "keep_password", "look", "remove", "verifier_of"]
