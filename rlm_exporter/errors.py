"""Errors that speak to a person: what is wrong, where, and what to do."""


class RlmExporterError(Exception):
    """The root of every error this package raises on purpose."""


class ManifestError(RlmExporterError):
    """A manifest that cannot be used; `problems` lists every one found, each with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class FormatError(RlmExporterError):
    """Text in one of RLM's formats that cannot be understood at all."""


class ProbeError(RlmExporterError):
    """A probe that could not be run for a reason of ours (no `rlmutil`, say), not of the server's."""


class LoadBalancerError(RlmExporterError):
    """A load balancer that cannot be reached, refuses us, or does not do what it acknowledged."""


class CommandRefusedError(LoadBalancerError):
    """A load balancer that answers, and does not take commands from us: it can be read and not steered."""


class StaleEpochError(LoadBalancerError):
    """A load balancer that has seen a higher epoch than ours; `seen` is its epoch, if it told."""

    def __init__(self, message: str, *, seen: int | None) -> None:
        super().__init__(message)
        self.seen = seen


class SyncError(RlmExporterError):
    """License files cannot be read from a server, or written there."""


class JournalError(RlmExporterError):
    """The journal cannot be read or written."""


class JournalSlowError(JournalError):
    """The journal did not answer in time; what was asked may or may not be done."""


class JournalAwayError(JournalError):
    """The database server of the journal cannot be reached, or does not let us in."""


class ConfigurationError(RlmExporterError):
    """The daemon's own settings do not allow it to start."""


class BackupError(RlmExporterError):
    """A backup that cannot be made, is no whole one, or cannot be put back."""


class ApiError(RlmExporterError):
    """What the daemon answered to a client; carries the exit code that the command line uses."""

    def __init__(self, message: str, *, status: int | None, exit_code: int, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        """The daemon's own word for what is wrong; empty where it gave none."""
        self.exit_code = exit_code
