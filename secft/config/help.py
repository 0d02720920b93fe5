"""The text of --help, made of the command table and the files in conf/."""

from __future__ import annotations

from collections.abc import Mapping

from secft.config.options import about_option, groups, options

EXAMPLES = """\
  python -m secft                                             the main job: embedded model, CPU, no network
  python -m secft source=[cwe,attack] trainer.epochs=2        choose sources, change a setting
  python -m secft model=llama31 trainer=qlora dry_run=true    what would be done, and what this machine lacks
  python -m secft -m trainer.learning_rate=1e-4,2e-4          a sweep, with a leaderboard
  python -m secft model=llama31 --cfg job                     the whole configuration"""


def help_text(root: str, commands: Mapping[str, str]) -> str:
    """Return what --help prints.

    Args:
        root: name of the command's file in conf.
        commands: name -> one line about it.
    """
    lines = ["secft: from security knowledge to a gated, documented, servable LLM.", "", "Usage:"]
    lines += ["  python -m secft [command] [group=option ...] [key=value ...]", "", "Commands:"]
    lines += [f"  {name:<14}{about}" for name, about in commands.items()]
    lines += ["", "Groups and options:"]
    for group in groups(root):
        lines += [f"  {group}"]
        width = max(map(len, options(group)), default=0) + 2
        lines += [f"    {option:<{max(width, 12)}}{about_option(group, option)}" for option in options(group)]
    lines += ["", "Examples:", EXAMPLES, "", "Flags:"]
    lines += [
        "  -m, --multirun       run every combination of the values given with commas",
        "  --cfg job            print the composed configuration and stop (--package KEY for a part)",
        "  --help, --version    this text, the version",
        "",
        "Exit codes: 0 ok, 1 failure, 2 bad configuration or input, 3 gates not passed, 130 interrupted.",
    ]
    return "\n".join(lines)
