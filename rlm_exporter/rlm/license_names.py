"""Which files of a folder rlm takes for license files, by their names (pure).

It looks at endings as they are written: on Unix `A.LIC` is none. A hidden one counts; that is the safe side,
because a file that rlm loads and we do not see adds seats that nobody can explain.
"""

LICENSE = ".lic"
LICENSE_OR_DATA = (LICENSE, ".dat")
"""With -dat it takes `*.dat`; from outside nobody can tell whether it was started so."""


def is_license(name: str) -> bool:
    """Whether rlm loads a file of this name, started as usual."""
    return name.endswith(LICENSE)


def may_be_loaded(name: str) -> bool:
    """Whether rlm loads a file of this name, however it was started."""
    return name.endswith(LICENSE_OR_DATA)
