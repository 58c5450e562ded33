"""What can go wrong in a release."""

from __future__ import annotations

from engines.errors import ConfigurationError, EngineError


class ReleaseConfigurationError(ConfigurationError):
    """The release cannot be made as it is described."""


class CertificateRefusedError(EngineError):
    """Users would refuse the certificate of the load balancer; nothing was released."""


class RolloutError(EngineError):
    """The release did not reach the users; ``details`` says why and what runs now.

    ``details`` is a dict: ``reason`` (``failed``, ``replaced`` or ``timeout``), ``served`` (whether it was
    seen to take traffic all the same), ``explanation`` (stopped tasks, targets, events) and ``restored`` (the
    revision that runs now, and whether it was seen to answer).
    """
