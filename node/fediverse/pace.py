"""How many letters a host may bring at a time: one that floods us waits, and the others keep their share."""

from collections import OrderedDict

BURST = 3000  # letters at once: a large server that was away for an hour brings its backlog
PER_SECOND = 50.0  # and so many all the time; no honest server of today sends more to one small node
LATELY = 5.0  # seconds for which a count of what waits holds; at most PER_SECOND of one host come in meanwhile
HOSTS = 10_000  # that are remembered; whoever is forgotten begins anew


class TooMany(Exception):
    """The host has to wait so many seconds (429)."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many letters; wait {wait} s")
        self.wait = wait


class Full(Exception):
    """So many letters wait to be read that no more are taken for now (503)."""


class Crowd:
    """The letters that wait, as they were counted lately: no disk is filled by whoever writes faster than we read."""

    def __init__(self, *, of_one: int, of_all: int) -> None:
        self._of_one, self._of_all = of_one, of_all
        self._waiting: dict[str, int] = {}
        self._counted_at = -LATELY

    def is_old(self, now: float) -> bool:
        """Whether they are to be counted again. `now` is monotonic."""
        return now - self._counted_at >= LATELY

    def count(self, waiting: dict[str, int], now: float) -> None:
        """These many of each host wait."""
        self._waiting, self._counted_at = waiting, now

    def must_have_room(self, host: str | None) -> None:
        """Raises Full where the host, or all of them together, have enough here."""
        if sum(self._waiting.values()) >= self._of_all or self._waiting.get(host or "", 0) >= self._of_one:
            raise Full("too many letters wait here to be read")


class Pace:
    """A bucket of letters for each host, as it says who it is: a lie only fills somebody else's bucket for a moment."""

    def __init__(self, *, burst: int = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # letters left, and when that was

    def wait_of(self, host: str | None, now: float) -> int | None:
        """None lets one letter of the host in; else the seconds that it has to wait. `now` is monotonic."""
        if host is None:
            return None  # it will be refused for having no signature
        left, then = self._buckets.get(host, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._per_second)
        allowed = left >= 1
        self._buckets[host] = (left - 1 if allowed else left, now)
        self._buckets.move_to_end(host)
        if len(self._buckets) > HOSTS:
            self._buckets.popitem(last=False)
        return None if allowed else max(1, round((1 - left) / self._per_second))
