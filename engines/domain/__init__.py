"""The domain of the platform: its certificate in ACM, and the record that leads users to the load balancer.

``certificate`` finds or requests the one, which ``certificates`` reads, and proves it by a record; ``record``
plans and writes the other; ``zones`` reads and changes Route 53, ``removal`` takes both back. Where DNS is
somebody else's, it is said what has to be entered there.
"""

from engines.domain import certificates, zones
from engines.domain.certificate import ensure_certificate
from engines.domain.errors import DomainError
from engines.domain.model import Certificate, Destination, Plan
from engines.domain.record import ensure_record, plan
from engines.domain.removal import leading, remove_certificate, remove_record, requested

__all__ = [
    "Certificate",
    "Destination",
    "DomainError",
    "Plan",
    "certificates",
    "ensure_certificate",
    "ensure_record",
    "leading",
    "plan",
    "remove_certificate",
    "remove_record",
    "requested",
    "zones",
]
