"""How far an ingest is, for people: a bar in a terminal, and some lines of text elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dfe.data.ingest import Step
from dfe.data.ingest_whole import Summary

_LINES = 20  # at most so many are printed where there is no terminal
_SHOWN = 5  # clips that are listed by name


class ShowProgress:
    """Shows each step; use it as a context around `dfe.data.ingest.ingest`.

    Parameters
    ----------
    console
        Where to; the bar is drawn only if it is a terminal.

    Attributes
    ----------
    last
        The last step.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self.last = Step("start", 0, 0)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("recordings, {task.fields[frames]:,} frames"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bar.add_task("looking at the files", total=None, frames=0)

    def __enter__(self) -> ShowProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, step: Step) -> None:
        """Show a step."""
        if not self._console.is_terminal and step.what == "part" and self._is_due(step):
            text = f"{step.done:,} of {step.of:,} recordings, {step.frames:,} frames"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        what = {"part": "reading", "write": "writing"}.get(step.what, "looking at the files")
        self._bar.update(
            self._task, description=what, total=step.of, completed=step.done, frames=step.frames
        )
        self.last = step

    def _is_due(self, step: Step) -> bool:
        return step.done * _LINES // step.of > self.last.done * _LINES // step.of


def summary_lines(summary: Summary, last: Step) -> list[str]:
    """What an ingest has found, in words.

    Parameters
    ----------
    last
        The last step of the ingest.
    """
    lines = [f"{summary.recordings:,} recordings, {summary.frames:,} frames"]
    if last.reused:
        lines.append(f"{last.reused:,} of them were read before")
    lines += [f"dropped: {count:,} frames, {why}" for why, count in summary.dropped.items()]
    if empty := summary.empty:
        more = f" and {len(empty) - _SHOWN:,} more" if len(empty) > _SHOWN else ""
        lines.append(f"without any usable frame: {', '.join(empty[:_SHOWN])}{more}")
    return lines
