"""How much may be fetched because of one letter: an allowance that travels with the follow-up work."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from urllib.parse import urlsplit

from federation.addresses import registrable_domain
from federation.errors import Refused

# What one letter may cause, over all the work that follows from it: enough for a thread of strangers, too little
# to make us a cannon pointed at somebody (Lemmy allows 20 as well).
FETCHES = 20
PER_DOMAIN = 10
# Work that was caused by work that was caused by the letter ...: a chain of jobs ends even when each fetches little.
GENERATIONS = 8


class Exhausted(Refused):
    """What one cause may fetch has been fetched."""


@dataclass
class Budget:
    """The requests that one cause has left, in total and for each registrable domain."""

    fetches: int = FETCHES
    per_domain: int = PER_DOMAIN
    depth: int = GENERATIONS
    deadline: datetime | None = None
    spent: dict[str, int] = field(default_factory=dict)

    def spend(self, url: str, now: datetime | None = None) -> None:
        """Count one request to `url`; raises Exhausted, and counts nothing, when it is one too many."""
        domain = registrable_domain(urlsplit(url).hostname or "")
        if self.deadline is not None and now is not None and now >= self.deadline:
            raise Exhausted("The time for following this up is over.")
        if self.fetches < 1 or self.spent.get(domain, 0) >= self.per_domain:
            raise Exhausted("No more is fetched for this cause.")
        self.fetches -= 1
        self.spent[domain] = self.spent.get(domain, 0) + 1

    def hand_on(self, parts: int = 1) -> "list[Budget]":
        """All that is left, dealt out to `parts` pieces of follow-up work: together they have no more than this had."""
        if self.depth < 1:
            raise Exhausted("The follow-up work of this cause has gone deep enough.")
        per_domain = self.per_domain // parts
        spent = {
            domain: per_domain - max(0, self.per_domain - count) // parts
            for domain, count in self.spent.items()
            if count > 0
        }
        shares = [
            Budget(self.fetches // parts, per_domain, self.depth - 1, self.deadline, dict(spent)) for _ in range(parts)
        ]
        self.fetches = 0
        return shares

    def to_json(self) -> str:
        """As it is kept with a piece of work."""
        return json.dumps(
            {
                "fetches": self.fetches,
                "per_domain": self.per_domain,
                "depth": self.depth,
                "deadline": self.deadline.isoformat() if self.deadline else None,
                "spent": self.spent,
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The budget that `to_json` wrote."""
        kept = json.loads(text)
        deadline = kept["deadline"]
        return cls(
            fetches=int(kept["fetches"]),
            per_domain=int(kept["per_domain"]),
            depth=int(kept["depth"]),
            deadline=datetime.fromisoformat(deadline) if deadline else None,
            spent={str(domain): int(count) for domain, count in kept["spent"].items()},
        )
