"""What is wrong with a server's certificate, from the code with which OpenSSL refuses it."""

from __future__ import annotations

import ssl

from engines.smoke.errors import CertificateError

_NOT_YET_VALID, _EXPIRED, _WRONG_NAME = 9, 10, 62
_SELF_SIGNED, _UNKNOWN_ROOT = 18, 19
_NO_ISSUER = (2, 20, 21)
_ACM = "Name one that ACM has issued for the domain (provision_certificate_arn), or leave that empty."


def refused(error: BaseException, host: str) -> CertificateError | None:
    """Return what ``error`` says of the certificate of ``host``; ``None`` when it says nothing of it."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, ssl.SSLCertVerificationError):
        causes = (one for one in (found.__cause__, found.__context__, *found.args) if one is not found)
        found = next((one for one in causes if isinstance(one, BaseException)), None)
    if found is None:
        return None
    what, remedy = _EXPLAINED.get(found.verify_code, (f"was refused: {found.verify_message}", _ACM))
    return CertificateError(f"the certificate that was sent for {host} {what}", remedy)


_EXPLAINED = {
    _EXPIRED: (
        "has expired",
        "ACM renews what it has issued while the validation record is in DNS: put that back; an imported one"
        " has to be imported anew, under the same ARN.",
    ),
    _NOT_YET_VALID: (
        "is not valid yet",
        "Check the clock of this machine, then its dates.",
    ),
    _WRONG_NAME: (
        "is for another name",
        "Name a certificate of that domain in provision_certificate_arn, or correct platform_domain.",
    ),
    _SELF_SIGNED: ("is signed by itself, so no browser trusts it", _ACM),
    _UNKNOWN_ROOT: (
        "comes from an authority that is not trusted",
        f"If it is one of your own, name its file in platform_ca_file. {_ACM}",
    ),
    **dict.fromkeys(
        _NO_ISSUER,
        (
            "comes without the chain to an authority that is trusted",
            "Import it with its chain; if the authority is your own, name its file in platform_ca_file.",
        ),
    ),
}
