"""Completion as click does it, but `--to=rlm2` is an option and its value in every shell."""

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
)


class BashWords(BashComplete):
    """Bash gives the `=` as a word of its own, and wants the value alone."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is being written, and that one."""
        args, incomplete = super().get_completion_args()
        words = join_equals([*args, incomplete])
        return words[:-1], words[-1]


class ZshWords(ZshComplete):
    """Zsh puts what it gets in the place of the whole word."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Whole words."""
        return with_option(incomplete, super().get_completions(args, incomplete))


class FishWords(FishComplete):
    """Fish takes only what begins as the whole word does."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Whole words."""
        return with_option(incomplete, super().get_completions(args, incomplete))


def add_shells() -> None:
    """Let click use these."""
    for kind in (BashWords, ZshWords, FishWords):
        add_completion_class(kind)


def join_equals(words: list[str]) -> list[str]:
    """Option and value as two words, without the `=` between; at the end of the line the value is empty."""
    found: list[str] = []
    for index, word in enumerate(words):
        is_between = word == "=" and bool(found) and found[-1].startswith("--")
        if not is_between:
            found.append(word)
        elif index == len(words) - 1:
            found.append("")
    return found


def with_option(incomplete: str, items: list[CompletionItem[str]]) -> list[CompletionItem[str]]:
    """The values with the `--to=` before them that stands in the word already."""
    option, equals, _ = incomplete.partition("=")
    if not equals or not option.startswith("--"):
        return items
    return [
        CompletionItem(f"{option}={item.value}", help=item.help) if item.type == "plain" else item
        for item in items
    ]
