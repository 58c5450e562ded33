"""What people see of a run: its phases, progress, failures and verdict, as lines of text.

Hooks of Ansible and events of engines are taken as one stream (``take``); what is shown follows from the
``Screen`` alone, so that a recorded stream shows the same again.
"""

from engines.display.channel import Channel
from engines.display.failures import Failure, failure_lines
from engines.display.lines import Line, Style, plain
from engines.display.log import Log
from engines.display.model import Bar, Phase, Screen
from engines.display.presenter import Presenter
from engines.display.progress import take_progress
from engines.display.results import facts
from engines.display.screen import heartbeat, phase_line, running_lines, take
from engines.display.terminal import Terminal
from engines.display.verdict import Verdict, verdict, verdict_lines

__all__ = [
    "Bar",
    "Channel",
    "Failure",
    "Line",
    "Log",
    "Phase",
    "Presenter",
    "Screen",
    "Style",
    "Terminal",
    "Verdict",
    "facts",
    "failure_lines",
    "heartbeat",
    "phase_line",
    "plain",
    "running_lines",
    "take",
    "take_progress",
    "verdict",
    "verdict_lines",
]
