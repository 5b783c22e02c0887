"""The command line: what an admin does with a node. Each noun has a module, read only when it is used."""

import gc
import importlib
from pathlib import Path
from typing import Any

import click

from node import VERSION

# Command -> where it is and what it is for: help answers at once, without reading what it does not run.
COMMANDS = {
    "run": ("node.cli.running:run", "Try Folkmoot: a node on this machine, with a group to look at."),
    "demo": ("node.cli.running:demo", "Watch two nodes talk to each other."),
    "init": ("node.cli.setup:init", "Set up a node: its settings, its secret, its tables."),
    "config": ("node.cli.setup:config", "Check the settings, or show them."),
    "migrate": ("node.cli.setup:migrate", "Bring the tables up to date."),
    "backup": ("node.cli.backups:backup", "Put the whole node into one file, while it runs."),
    "restore": ("node.cli.backups:restore", "Put a node back from its backup, and look whether all is there."),
    "upgrade": ("node.cli.backups:upgrade", "Bring the tables to this release, with a backup; or go back."),
    "serve": ("node.cli.running:serve", "Serve: web and worker in one process."),
    "web": ("node.cli.running:web", "Serve the web alone; workers run elsewhere."),
    "worker": ("node.cli.running:worker", "Send and receive alone; the web runs elsewhere."),
    "group": ("node.cli.members:group", "Make groups, change them, let people in."),
    "person": ("node.cli.people:person", "Make people, change, suspend and delete them."),
    "thread": ("node.cli.threads:thread", "Start threads, read them, lock, pin, move and split them."),
    "comment": ("node.cli.comments:comment", "Answer, edit and take away."),
    "report": ("node.cli.reports:report", "What was reported to moderators, and what was decided."),
    "remark": ("node.cli.remarks:remark", "Answer and like what is on other servers."),
    "follow": ("node.cli.people:follow", "Follow someone on another server."),
    "unfollow": ("node.cli.people:unfollow", "Follow someone no longer."),
    "followers": ("node.cli.people:followers", "Who follows a group or a person."),
    "alias": ("node.cli.moving:alias", "Say which account elsewhere is the same as one of ours."),
    "move": ("node.cli.moving:move", "Move a person or group to an account elsewhere."),
    "doctor": ("node.cli.doctor:doctor", "Look whether all is well, inside and from outside."),
    "import": ("node.cli.imports:imports", "Bring in what was said elsewhere."),
    "mail": ("node.cli.mail:mail", "Mail that goes out: what waits, what failed, a test."),
    "federation": ("node.cli.blocks:federation", "Other servers: how they are, what waits, blocks."),
    "failpoints": ("node.cli.failpoints:failpoints", "Where a node under test can be made to fail."),
}


class Commands(click.Group):
    """The commands by name; the module of one is read when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        # Nothing of what is imported goes again: looking for what could costs a tenth of a start.
        gc.disable()
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        finally:
            gc.enable()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="FOLKMOOT_CONFIG",
    help="The settings file. Without it: FOLKMOOT_CONFIG, or folkmoot.toml in this folder if there is one.",
)
@click.version_option(VERSION, prog_name="folkmoot")
@click.pass_context
def folkmoot(context: click.Context, config: Path | None) -> None:
    """A federated discussion node that community groups host themselves.

    \b
    Begin with one of these:
      folkmoot run                                  try it on this machine
      folkmoot demo                                 see two servers talk
      folkmoot init --origin https://moot.example   set up a node for good
      folkmoot serve                                and let it run

    Every command says more with --help, and answers in JSON with --json. Settings are in folkmoot.toml and in
    variables named FOLKMOOT_*, such as FOLKMOOT_LISTEN=127.0.0.1:8080, which go before the file.
    """
    context.obj = config


def main(arguments: list[str] | None = None) -> Any:
    """The `folkmoot` command."""
    return folkmoot.main(args=arguments, prog_name="folkmoot")
