"""Whether a server serves what its license files grant: what its answer has to show for them (pure)."""

from collections.abc import Callable
from datetime import date

from rlm_exporter.rlm.license_seats import granted_seats, misfits, unsure_products
from rlm_exporter.rlm.license_values import LicenseFile
from rlm_exporter.rlm.status import RlmStatus
from rlm_exporter.sync.plan import ServerPlan

Judge = Callable[[RlmStatus], tuple[str, ...]]
"""What of an answer is not as the files grant it, in words; nothing where all is."""


def judge_of(plan: ServerPlan, *, on: date) -> Judge:
    """For answers after the plan was carried out, and after a reread."""
    files = _files(plan)
    unsure = unsure_products(files, on=on)
    granted = granted_seats(files, on=on)
    isvs = tuple(isv.name for file in plan.files if file.parsed for isv in file.parsed.isvs)

    def judge(status: RlmStatus) -> tuple[str, ...]:
        if plan.may_wait and not status.pools:
            return ()
        return misfits(granted, status, isvs=isvs, unsure=unsure, may_be_more=bool(plan.unread))

    return judge


def _files(plan: ServerPlan) -> tuple[LicenseFile, ...]:
    return (*(file.parsed for file in plan.files if file.parsed is not None), *plan.others)
