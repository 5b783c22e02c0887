"""The doctor at the console."""

import sys
from dataclasses import asdict

import click

from node.app import Parts
from node.cli.console import Console, verb
from node.doctor import inside, outside
from node.doctor.findings import Finding, examine

SIGNS = {"ok": "ok     ", "warning": "warning", "failed": "FAILED "}


@verb(name="doctor")
@click.option("--inside-only", is_flag=True, help="Leave out what needs the network.")
def doctor(console: Console, inside_only: bool) -> None:
    """Look whether all is well: name, certificate, proxy, clock, mail, disk, database, queues. Run it beside the node.

    Ends with status 1 if a check failed; warnings leave it at 0.

    \b
    Examples:
      folkmoot doctor
      folkmoot doctor --json
    """
    checks = inside.CHECKS if inside_only else outside.CHECKS | inside.CHECKS

    async def look(parts: Parts) -> list[Finding]:
        found = []
        async for finding in examine(parts, checks):
            found.append(finding)
            if not console.as_json:
                click.echo(f"{SIGNS[finding.grade]}  {finding.check}: {finding.says}")
                if finding.remedy:
                    click.echo(f"         -> {finding.remedy}")
        return found

    found = console.act(look)
    failed = sum(finding.grade == "failed" for finding in found)
    warned = sum(finding.grade == "warning" for finding in found)
    summary = f"{len(found)} checks: {failed} failed, {warned} warnings."
    console.answer({"failed": failed, "warnings": warned, "checks": [asdict(it) for it in found]}, summary)
    if failed:
        sys.exit(1)
