"""A recording proxy before an AWS endpoint, and what each recorded request asked for."""

from rehearsal.recording.calls import Call, classify
from rehearsal.recording.recorder import Recorder, recording

__all__ = [
    "Call",
    "Recorder",
    "classify",
    "recording",
]
