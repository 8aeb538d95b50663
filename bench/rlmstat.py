"""How fast rlmstat's answers are read, beside `license-manager-agent` 5.0.0, in one run.

    python3.12 -m venv /somewhere/peer
    /somewhere/peer/bin/pip install license-manager-agent==5.0.0
    .venv/bin/python bench/rlmstat.py --peer /somewhere/peer/bin/python

Each measurement is a process of its own and takes the best of three readings in CPU time; both readers take
turns. The text has 5,000 pools and 20,000 handles in the form that both understand, then four and sixteen
times as many. Fails if ours is not twice as fast, or if sixteen times the text takes more than 24 times as
long (larger heaps cost some cache misses).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rlm_exporter.rlm.status import Checkout, Pool  # noqa: E402 - the clone's own, wherever this is started
from rlm_exporter.simulator.pool import PoolLine  # noqa: E402
from rlm_exporter.simulator.seats import UsageLine  # noqa: E402
from rlm_exporter.simulator.style import Style  # noqa: E402
from rlm_exporter.simulator.text import Place, pool_status, usage_status  # noqa: E402

POOLS, HANDLES = 5_000, 20_000
SCALES = (1, 4, 16)
ROUNDS = 3
WORDING = Style.V12.wording
OURS = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    "from rlm_exporter.rlm.rlmstat import parse_rlmstat as read"
)
PEERS = "from lm_agent.parsing import rlm; read = lambda data: rlm.parse(data.decode('utf-8', 'replace'))"
MEASURE = """
import sys, time
from pathlib import Path
data = Path(sys.argv[1]).read_bytes()
best = float("inf")
for _ in range(3):
    began = time.process_time()
    answer = read(data)
    best = min(best, time.process_time() - began)
    del answer
print(best)
"""


def answer(scale: int) -> str:
    """One ISV server's pools and usage."""
    place = Place(host="rlm1", port=49152)
    number = POOLS * scale
    pools = tuple(_pool(index) for index in range(number))
    handles = tuple(_handle(index, pools[index % number]) for index in range(HANDLES * scale))
    lines = pool_status("acme", place, [PoolLine(pool=pool) for pool in pools], wording=WORDING)
    lines += usage_status("acme", place, handles, wording=WORDING)
    return "\n".join((*lines, ""))


def _pool(index: int) -> Pool:
    return Pool(
        isv="acme", product=f"product_{index}", version=f"{2020 + index % 5}.{index % 10}", pool=None,
        count=40 + index % 9, reservations=0, inuse=4, expires=date(2027, 1, 31), uncounted=False,
        token=False, total_checkouts=index,
    )  # fmt: skip


def _handle(index: int, pool: Pool) -> UsageLine:
    checkout = Checkout(
        isv="acme", product=pool.product, version=pool.version, user=f"user{index % 977}",
        host=f"ws{index % 613}.example.com", count=1, reserved=0, handle=f"{index + 1:x}",
        at=f"03/{1 + index % 28:02} {index % 24:02}:{index % 60:02}",
    )  # fmt: skip
    return UsageLine(checkout=checkout)


def _seconds(python: str, setup: str, path: Path) -> float:
    ended = subprocess.run(
        [python, "-c", f"{setup}\n{MEASURE}", str(path)], check=True, capture_output=True, text=True
    )
    return float(ended.stdout)


def main() -> int:
    """0 when both claims hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", metavar="PYTHON", help="the Python that has license-manager-agent 5.0.0")
    options = parser.parse_args()
    readers = {"ours": (sys.executable, OURS)}
    if options.peer:
        readers["license-manager-agent"] = (options.peer, PEERS)
    medians: dict[tuple[str, int], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for scale in SCALES:
            path = Path(folder) / f"{scale}.txt"
            path.write_text(answer(scale), encoding="utf-8")
            times: dict[str, list[float]] = {name: [] for name in readers}
            for _ in range(ROUNDS):
                for name, (python, setup) in readers.items():
                    times[name].append(_seconds(python, setup, path))
            for name, seconds in times.items():
                medians[name, scale] = statistics.median(seconds)
                rate = path.stat().st_size / 1e6 / medians[name, scale]
                size = path.stat().st_size / 1e6
                print(f"{name:22} {scale:3}x {size:6.1f} MB {medians[name, scale]:8.3f} s {rate:6.1f} MB/s")
    growth = medians["ours", 16] / medians["ours", 1]
    print(f"16 times the text takes {growth:.1f} times as long")
    ratio = medians["license-manager-agent", 1] / medians["ours", 1] if options.peer else None
    if ratio is not None:
        print(f"ours is {ratio:.1f} times as fast")
    return 0 if growth < 24 and (ratio is None or ratio >= 2) else 1


if __name__ == "__main__":
    sys.exit(main())
