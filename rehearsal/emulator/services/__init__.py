"""Parts of AWS services that the emulator lacks; they use it only through their arguments."""

from rehearsal.emulator.services.authority import Authority
from rehearsal.emulator.services.autosave import Autosave
from rehearsal.emulator.services.database_servers import Databases
from rehearsal.emulator.services.draining import Place, Traffic
from rehearsal.emulator.services.restarts import Restarts
from rehearsal.emulator.services.rollout import Scheduler
from rehearsal.emulator.services.service_locks import ServiceLocks
from rehearsal.emulator.services.snapshots import wire_shape
from rehearsal.emulator.services.stopping import Stopper
from rehearsal.emulator.services.target_health import Health, Key, Prober
from rehearsal.emulator.services.task_roles import TaskRoles
from rehearsal.emulator.services.tls_listener import Listener, TlsServer

__all__ = [
    "Authority",
    "Autosave",
    "Databases",
    "Health",
    "Key",
    "Listener",
    "Place",
    "Prober",
    "Restarts",
    "Scheduler",
    "ServiceLocks",
    "Stopper",
    "TaskRoles",
    "TlsServer",
    "Traffic",
    "wire_shape",
]
