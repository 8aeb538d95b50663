"""How bad a finding is, as a colour."""

from rlm_exporter.cli.sheet import Tone
from rlm_exporter.rlm.license_values import Severity

SEVERITY_TONES = {Severity.ERROR: Tone.BAD, Severity.WARNING: Tone.WARNING, Severity.NOTE: Tone.QUIET}
