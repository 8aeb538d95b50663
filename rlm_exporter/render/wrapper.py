"""A shell script under another program's name, which gives that program's calls to us where they are ours.

Pure. The script carries a mark with the sum of what follows it, so that a file of somebody else's, or one of
ours that somebody has changed, is known from one that may be replaced.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence

_MARK = re.compile(
    r"#!/bin/sh\n# Written by `rlm-ha compat install`; sha256 of the rest: (?P<sum>[0-9a-f]{64})\n"
)
_SCRIPT = r"""#
# The commands below go to rlm-ha, and every other to the next @NAME@ on PATH.

run_ours() {
    if [ ! -x "$(command -v @FIRST@)" ]; then
        printf '%s\n' '@NAME@: there is no '@FIRST@' any more; run `rlm-ha compat install` again' >&2
        exit 127
    fi
    exec @PROGRAM@ "$@"
}

# The words before the first option that rlm-ha would not take there.
words=
skips=
for word in "$@"; do
    if [ -n "$skips" ]; then
        skips=
        continue
    fi
    case $word in
    -o | --format | -p | --profile) skips=yes ;;
    -j | --json | -v | --verbose | --format=* | --profile=*) ;;
    -*) break ;;
    *) words="$words $word" ;;
    esac
done

case "$words " in
@PATTERNS@) run_ours "$@" ;;
esac

IFS=:
set -f
for folder in $PATH; do
    next=${folder:-.}/@NAME@
    if [ ! -f "$next" ] || [ ! -x "$next" ]; then
        continue
    fi
    # Another wrapper like this one would send the call back to us.
    mark=
    if [ -r "$next" ]; then
        { read -r _ && read -r mark; } <"$next"
    fi
    case $mark in
    *'rlm-ha compat install'*) ;;
    *)
        unset IFS
        set +f
        exec "$next" "$@"
        ;;
    esac
done

printf '%s\n' "@NAME@: rlm-ha has no command \"${words# }\", and there is no other @NAME@ on PATH." \
    "rlm-ha --help shows what it has." >&2
exit 127
"""


def wrapper_script(*, name: str, program: Sequence[str], commands: Iterable[Sequence[str]]) -> str:
    """The script called `name`: calls that begin with the words of one of `commands` run `program`."""
    patterns = " | \\\n".join(f"' {' '.join(words)} '*" for words in commands)
    rest = (
        _SCRIPT.replace("@PATTERNS@", patterns)
        .replace("@PROGRAM@", shlex.join(program))
        .replace("@FIRST@", shlex.quote(program[0]))
        .replace("@NAME@", name)
    )
    total = hashlib.sha256(rest.encode()).hexdigest()
    return f"#!/bin/sh\n# Written by `rlm-ha compat install`; sha256 of the rest: {total}\n{rest}"


def is_wrapper(text: str) -> bool:
    """Whether that is such a script as it was written."""
    mark = _MARK.match(text)
    return mark is not None and hashlib.sha256(text[mark.end() :].encode()).hexdigest() == mark["sum"]
