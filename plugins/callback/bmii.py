# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""Shows a run as its phases, what they are at, and a verdict; ``-v`` shows Ansible's own output instead.

What is shown is decided in ``engines.display``: here hooks of Ansible become events. Whatever goes wrong in
it, the run goes on with Ansible's own output, and it is said.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.executor.stats import AggregateStats
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.callback.default import CallbackModule as Default

DOCUMENTATION = r"""
name: bmii
type: stdout
short_description: Phases, progress and a verdict
description:
  - One line for each phase, with its progress while it runs, and at the end a verdict. What each task did is
    in a log.
  - Without a terminal nothing is drawn anew; a line at least every ten seconds says where the run is.
  - With C(-v) Ansible's own output is shown, and the verdict.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
options:
  log_dir:
    name: Folder of the logs
    description: Where the log of each run is kept; the last twenty are. Unset keeps none.
    type: path
    env:
      - name: BMII_LOG_DIR
    ini:
      - section: callback_bmii
        key: log_dir
requirements:
  - set as stdout callback in the configuration
"""

try:
    from engines import display, events
    from engines.runs import without_values
except ImportError:
    # An environment without the project: the guard says so.
    display = None  # type: ignore[assignment] # mypy knows the name as a module

_DEBUG = ("debug", "ansible.builtin.debug")
_PAUSE = ("pause", "ansible.builtin.pause")


def _hook(show: Callable[..., None]) -> Callable[..., None]:
    """Make a hook that shows something, and where nothing is shown calls Ansible's own of the same name."""
    own = getattr(Default, show.__name__, None)

    @functools.wraps(show)
    def call(self: CallbackModule, *args: Any, **kwargs: Any) -> None:
        if self.presenter is not None:
            try:
                show(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001 - whatever is wrong here must not end the run
                self.give_up(error)
        ends = show.__name__ == "v2_playbook_on_stats" and self.presenter is not None
        if own is not None and not self.shows and not ends:
            own(self, *args, **kwargs)

    return call


class CallbackModule(Default):
    """Shows a run. ``presenter`` is None once showing has failed."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "bmii"

    def __init__(self) -> None:
        super().__init__()
        self.presenter: display.Presenter | None = None
        self._log: display.Log | None = None
        self._pid = os.getpid()

    @property
    def shows(self) -> bool:
        """Whether this is what people see, and not Ansible's own output."""
        return self.presenter is not None and not self.presenter.silent

    def give_up(self, error: Exception) -> None:
        """Go on with Ansible's own output."""
        presenter, self.presenter = self.presenter, None
        if presenter is not None:
            try:
                presenter.stop()
            finally:
                self._display.warning(
                    f"The display of the run has failed ({type(error).__name__}: {error}), which is a bug."
                    " The run goes on; what follows is Ansible's own output."
                )

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Open what shows the run."""
        if display is not None:
            try:
                self._open(playbook)
            except Exception as error:  # noqa: BLE001 - a display that cannot be opened must not end the run
                self.give_up(error)
        if not self.shows:
            super().v2_playbook_on_start(playbook)

    def _open(self, playbook: Playbook) -> None:
        silent = self._display.verbosity > 0
        self._log = display.Log.create(self.get_option("log_dir"))
        utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        terminal = display.Terminal(_write, tty=sys.stdout.isatty(), utf8=utf8)
        self.presenter = display.Presenter(
            terminal,
            channel=None if silent else display.Channel(),
            log=self._log.name,
            silent=silent,
            trouble=self.give_up,
        )
        self._report("run.started", **_run(playbook))
        atexit.register(self._left)
        if not silent:
            self._step_aside()
            self.presenter.start()

    def _step_aside(self) -> None:
        """Remove what is drawn while Ansible writes a warning or a question."""
        write, pid = self._display.display, self._pid

        @functools.wraps(write)
        def display_aside(*args: Any, **kwargs: Any) -> Any:
            # A task's own process hands it to this one.
            if self.presenter is None or os.getpid() != pid:
                return write(*args, **kwargs)
            with self.presenter.aside():
                return write(*args, **kwargs)

        self._display.display = display_aside

    def _left(self) -> None:
        """Say how to go on if the run was interrupted."""
        presenter = self.presenter
        if presenter is None or os.getpid() != self._pid:
            return
        presenter.stop()
        if not presenter.screen.ended and any(phase.tasks for phase in presenter.screen.phases):
            presenter.conclude()

    def _report(self, kind: str, **fields: Any) -> None:
        event = {"at": time.time(), "kind": kind, **fields}
        events.record(event)
        if self._log is not None:
            self._log.write(event)
        if self.presenter is not None:
            self.presenter.take(event)

    @_hook
    def v2_playbook_on_play_start(self, play: Play) -> None:
        """A phase begins."""
        self._play = play
        name = _phase(play, self.presenter.screen.playbook if self.presenter else "")
        self._report("phase.started", name=name, title=play.get_name().strip())

    @_hook
    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's
        """A task begins."""
        self._begin(task)

    @_hook
    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        """A handler begins."""
        self._begin(task)

    def _begin(self, task: Task) -> None:
        self._report("task.started", task=_name(task))
        if task.action in _PAUSE and self.presenter is not None:
            self.presenter.pause(on=True)

    @_hook
    def v2_runner_on_ok(self, result: Any) -> None:
        """A task has ended well."""
        self._resume(result.task)
        found = result.result
        self._handle_warnings(found)
        facts = None if result.task.loop else display.facts(result.task.action, found)
        self._report(
            "task.ended", action=_short(result.task.action), changed=bool(found.get("changed")), facts=facts
        )
        if result.task.action in _DEBUG and not result.task.loop:
            self._note(found.get("msg", ""))

    @_hook
    def v2_runner_item_on_ok(self, result: Any) -> None:
        """One item of a loop has ended well."""
        facts = display.facts(result.task.action, result.result)
        if facts is not None:
            self._report("task.ended", action=_short(result.task.action), changed=False, facts=facts)
        if result.task.action in _DEBUG:
            self._note(result.result.get("msg", ""))

    def _note(self, said: Any) -> None:
        """Show what a task reports. Of a run of many phases only sentences, and whole its plan at the end."""
        presenter = self.presenter
        if presenter is None:
            return
        screen, lines = presenter.screen, list(_lines(said))
        if not screen.is_long:
            self._report("noted", lines=lines)
        elif not isinstance(said, str):
            self._report("table", lines=lines)
        else:
            plan = screen.phase is not None and screen.phase.name == "outputs"
            self._report("noted", lines=lines, short=not plan)

    def _resume(self, task: Task) -> None:
        if task.action in _PAUSE and self.presenter is not None:
            self.presenter.pause(on=False)

    @_hook
    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task has failed."""
        self._resume(result.task)
        self._handle_warnings(result.result)
        if not ignore_errors:
            self._fail(result)

    @_hook
    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host cannot be reached."""
        self._fail(result)

    def _fail(self, result: Any) -> None:
        task, presenter = result.task, self.presenter
        phase = presenter.screen.phase if presenter else None
        place = os.path.relpath(task.get_path() or "") if task.get_path() else ""
        name = _name(task)
        failure = display.Failure.of(phase.name if phase else "", name, place, result.result)
        kind = "rescued" if _is_rescued(task) else "failed"
        self._report(kind, failure=vars(failure))

    @_hook
    def v2_runner_on_skipped(self, result: Any) -> None:
        """Skipped tasks are not shown; a question that is not asked keeps nothing from being drawn."""
        self._resume(result.task)

    @_hook
    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Said with the task."""

    @_hook
    def v2_runner_item_on_skipped(self, result: Any) -> None:
        """Skipped items are not shown."""

    @_hook
    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Files are not shown."""

    @_hook
    def v2_playbook_on_no_hosts_matched(self) -> None:
        """The guard refuses it."""

    @_hook
    def v2_playbook_on_no_hosts_remaining(self) -> None:
        """The failure was said."""

    @_hook
    def v2_runner_on_start(self, host: Any, task: Task) -> None:
        """Hosts are not shown."""

    @_hook
    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        """Handlers are not shown."""

    @_hook
    def v2_runner_retry(self, result: Any) -> None:
        """A task is tried again."""
        found = result.result
        said = str(found.get("msg") or "")
        self._report("task.retried", attempt=found.get("attempts", 0), of=found.get("retries", 0), said=said)

    @_hook
    def v2_on_file_diff(self, result: Any) -> None:
        """Differences are shown where one phase runs; those of many are in the log."""
        found = result.result
        diff = found.get("diff")
        if diff and found.get("changed") and "censored" not in found and self.presenter is not None:
            self._report(
                "table" if self.presenter.screen.is_long else "noted", lines=self._get_diff(diff).splitlines()
            )

    @_hook
    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """The run has ended."""
        presenter = self.presenter
        if presenter is None:
            return
        names = ("ok", "changed", "unreachable", "failures", "skipped", "rescued", "ignored")
        found = {host: stats.summarize(host) for host in sorted(stats.processed)}
        hosts = {host: {name: each[name] for name in names} for host, each in found.items()}
        totals = {name: sum(each[name] for each in hosts.values()) for name in names}
        presenter.stop()
        self._report("run.ended", totals=totals, hosts=hosts)
        if presenter.silent:
            super().v2_playbook_on_stats(stats)
        elif not presenter.screen.only_reports:
            presenter.say([(("dim", _recap(host, found)),) for host, found in hosts.items()])
        presenter.conclude()


def _recap(host: str, found: Mapping[str, int]) -> str:
    """Return Ansible's own line about a host, which scripts read."""
    names = {"failures": "failed"}
    return f"{host:<26} : " + " ".join(
        f"{names.get(name, name)}={number}".ljust(11) for name, number in found.items()
    )


def _write(text: str) -> None:
    """Write past Python's buffer, of which processes forked meanwhile would have a copy."""
    data = text.encode(sys.stdout.encoding or "utf-8", errors="replace")
    sys.stdout.flush()
    while data:
        try:
            data = data[os.write(1, data) :]
        except BlockingIOError:
            time.sleep(0.01)


def _run(playbook: Playbook) -> dict[str, Any]:
    """Return what is known of a run before its first task."""
    wanted, left_out = set(context.CLIARGS.get("tags") or ()), set(context.CLIARGS.get("skip_tags") or ())
    plays = [
        play
        for play in playbook.get_plays()
        if (not wanted - {"all"} or wanted & set(play.tags)) and not left_out & set(play.tags)
    ]
    words = ["ansible-playbook", *without_values(sys.argv[1:])]
    name = Path(playbook._file_name).stem
    return {
        "playbook": name,
        "command": " ".join(words),
        "check": bool(context.CLIARGS.get("check")),
        "phases": [{"name": _phase(play, name), "title": play.get_name().strip()} for play in plays],
    }


def _phase(play: Play, playbook: str) -> str:
    """Return the short name of a play: that of its tag, or of its playbook."""
    return str(play.tags[0]) if play.tags else playbook


def _name(task: Task) -> str:
    """Return a task's name; the one that Ansible puts before a role is called by what it does."""
    if _short(task.action) == "validate_argument_spec":
        return "Check the variables of the role"
    return str(task.name or task.action)


def _short(action: str) -> str:
    return action.rsplit(".", 1)[-1]


def _lines(said: Any) -> Iterator[str]:
    """Yield the lines of a message, which may be a text, a list or a mapping."""
    if isinstance(said, Mapping):
        for name, value in said.items():
            yield f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
    elif isinstance(said, list | tuple):
        for one in said:
            pairs = one.items() if isinstance(one, Mapping) else ()
            yield ", ".join(f"{name} {value}" for name, value in pairs) or str(one)
    else:
        yield from str(said).splitlines()


def _is_rescued(task: Task) -> bool:
    """Whether a block around the task handles its failure."""
    child: Any = task
    parent: Any = task._parent
    while parent is not None:
        rescues = isinstance(parent, Block) and parent.rescue
        if rescues and any(one._uuid == child._uuid for one in parent.block):
            return True
        child, parent = parent, getattr(parent, "_parent", None)
    return False
