"""Reports to moderators at the console."""

import click

from node.cli import finding
from node.cli.console import Console, verb
from node.forum import reports as forum
from storage import reports
from storage.reports import ReportLine
from storage.work import Work


@click.group()
def report() -> None:
    """What was reported to moderators, and what was decided.

    \b
    Example:
      folkmoot report list
    """


@verb(report, "list")
@click.option("--group", help="Those to the moderators of this group; without it, those to the admins of the node.")
@click.option("--resolved", is_flag=True, help="Those that were decided.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, help="How many at most (100).")
def list_reports(console: Console, group: str | None, resolved: bool, limit: int) -> None:
    """List reports: those that wait, oldest first, or those that were decided.

    \b
    Examples:
      folkmoot report list
      folkmoot report list --group garden --resolved
    """

    def look(work: Work) -> list[ReportLine]:
        group_id = finding.our_group(work, group)[1].id if group else None
        return reports.lines(work, group_id, viewer=None, resolved=resolved, limit=limit)

    rows = console.read(look)
    console.table(
        rows,
        ("report", "when", "by", "about", "why", "what was said"),
        [
            (
                row.id, f"{row.created_at:%Y-%m-%d %H:%M}", row.reporter.handle,
                row.objects[0] if row.objects else "", row.category, row.resolution if resolved else row.words,
            )
            for row in rows
        ],
    )  # fmt: skip


@verb(report, "resolve")
@click.argument("id", type=int)
@click.argument("words")
def resolve(console: Console, id: int, words: str) -> None:
    """Write down what was decided about a report. What is done to the item or the person is another command.

    \b
    Example:
      folkmoot report resolve 12 "Removed; we spoke with her."
    """
    console.write(lambda work: forum.resolve(work, None, id, words))
    console.answer({"report": id, "resolution": words}, f"Report {id} is resolved.")
