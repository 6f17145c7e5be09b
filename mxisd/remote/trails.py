"""What was tried to reach a server, for the operator's log."""

from attrs import define, field


@define
class Trail:
    """The steps of one question and how each ended; never holds a token."""

    _steps: list[str] = field(factory=list, init=False)
    _current: str | None = field(default=None, init=False)

    def begin(self, step: str) -> None:
        """Start a step."""
        self._current = step

    def end(self, outcome: object) -> None:
        """Tell how the current step ended."""
        self._steps.append(f"{self._current}: {outcome}")
        self._current = None

    def __str__(self) -> str:
        unfinished = [] if self._current is None else [f"{self._current}: not finished"]
        return "; ".join(self._steps + unfinished) or "nothing was tried"
