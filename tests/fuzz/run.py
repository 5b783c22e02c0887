"""`make fuzz`: every reader in turn under atheris, for a minute together, and a table of what came of it.

    python -m tests.fuzz.run [reader …]      FOLKMOOT_FUZZ_MINUTES=60 for longer
    FOLKMOOT_FUZZ_SEEDS=folder               more inputs to begin with

What is found lies in test-output/fuzz/<reader>/found; once repaired it belongs into tests/fuzz/found/<reader>, under a
name that says what was wrong, from where every `make test` reads it again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.fuzz.readers import READERS

FOLDER = Path("test-output/fuzz")
STARTING = 90  # seconds that a reader may need to be imported and instrumented, beside its share of the time


def fuzz(name: str, seconds: float) -> dict[str, Any]:
    """Runs one reader in a process of its own; what libFuzzer says is in its folder."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    told = folder / "told.json"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.one", name, str(seconds), str(folder)]
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        try:
            code = subprocess.run(command, stdout=log, stderr=log, timeout=seconds + STARTING, check=False).returncode
        except subprocess.TimeoutExpired:
            code = -1
    took = time.monotonic() - began
    if not told.exists():
        # An endless loop, a fault in C, or memory without measure: libFuzzer has written the input beside its log.
        return {
            "tried": 0,
            "slowest": 0.0,
            "cpu": 0.0,
            "took": took,
            "faults": {f"the process ended with {code}": f"see {folder}/log"},
        }
    return {"took": took} | json.loads(told.read_text())


def main(names: list[str]) -> int:
    if importlib.util.find_spec("atheris") is None:
        print("The fuzzers need atheris, which has no package for this Python or machine: nothing was fuzzed.")
        return 0
    seconds = float(os.environ.get("FOLKMOOT_FUZZ_MINUTES") or 1) * 60
    chosen = names or list(READERS)
    print(f"{'reader':14}{'seconds':>9}{'of CPU':>8}{'inputs':>10}{'per second':>12}{'slowest':>10}  found", flush=True)
    wrong = 0
    for name in chosen:
        came = fuzz(name, seconds / len(chosen))
        speed = came["tried"] / came["took"]
        faults = came["faults"]
        wrong += len(faults)
        slowest = f"{came['slowest'] * 1000:.0f} ms"
        took = f"{came['took']:9.0f}{came['cpu']:8.0f}"
        print(
            f"{name:14}{took}{came['tried']:10}{speed:12.0f}{slowest:>10}  {len(faults)}",
            flush=True,
        )
        for fault, words in faults.items():
            print(f"    {fault}: {words}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
