"""A recording proxy before an AWS endpoint, what each request asks for, and faults to put into answers."""

from rehearsal.recording.calls import Call, classify
from rehearsal.recording.faults import DENIED, FAILED, LATE, LOST, THROTTLED, Faults
from rehearsal.recording.forwarding import Forwarder
from rehearsal.recording.recorder import Recorder, recording

__all__ = [
    "DENIED",
    "FAILED",
    "LATE",
    "LOST",
    "THROTTLED",
    "Call",
    "Faults",
    "Forwarder",
    "Recorder",
    "classify",
    "recording",
]
