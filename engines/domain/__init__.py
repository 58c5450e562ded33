"""The domain of the platform: its certificate in ACM, and the record that leads users to the load balancer.

``certificate`` finds or requests the one and proves it by a record; ``record`` plans and writes the other;
``zones`` reads and changes Route 53. Where DNS is somebody else's, both say what has to be entered there.
"""

from engines.domain.certificate import ensure_certificate
from engines.domain.errors import DomainError
from engines.domain.model import Certificate, Destination, Plan
from engines.domain.record import ensure_record, plan

__all__ = [
    "Certificate",
    "Destination",
    "DomainError",
    "Plan",
    "ensure_certificate",
    "ensure_record",
    "plan",
]
