"""What the page says of one server's license files, as a function of their last reading."""

from collections.abc import Mapping

from rlm_exporter.manifest.model import Cluster
from rlm_exporter.metrics import families as f
from rlm_exporter.metrics.lines import Lines
from rlm_exporter.probe.license_renewal import renewals
from rlm_exporter.probe.snapshot import ServerSnapshot
from rlm_exporter.rlm.expiry import good_until


def license_lines(part: ServerSnapshot, cluster: Cluster) -> Mapping[str, str]:
    """All sample lines, by family name; none where nothing has been read yet."""
    reading, server = part.license_files, cluster.server(part.server)
    if reading is None:
        return {}
    lines = Lines(cluster.name, server.name)
    zone = server.zone
    dated = reading.dated()
    renewed = renewals(reading.licenses)
    names = {isv: cluster.isv_name(isv) for isv in {placed.isv for placed, _ in dated}}
    for placed, last_day in dated:
        ends = good_until(last_day, zone).timestamp()
        lines.add(f.LICENSE_EXPIRY, ends, names[placed.isv], placed.product, placed.place)
        if placed.place in renewed:
            lines.add(f.LICENSE_RENEWED, 1, names[placed.isv], placed.product, placed.place)
    lines.add(f.LICENSE_FILES_SUCCESSFUL, reading.ok)
    if reading.whole_at is not None:
        lines.add(f.LICENSE_FILES_TIMESTAMP, reading.whole_at.timestamp())
    return lines.chunks()
