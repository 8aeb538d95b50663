"""A daemon that is told how long usage is kept."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rlm_exporter.store.journal import Journal
from tests.cli.command import CommandLine, end_of
from tests.ports import free_port
from tests.store.ledgers import held

MANIFEST = """\
apiVersion: licensing.vantage.com/v1
kind: LicenseServer
metadata: {{name: prod}}
spec:
  type: rlm
  highAvailability:
    enabled: true
    mode: active-passive
    primary: {{name: rlm1, host: 127.0.0.1, port: {port}}}
    secondary: {{name: rlm2, host: 127.0.0.2, port: {port}}}
  monitoring:
    healthCheck: {{interval: 2s, timeout: 1s, retries: 1, checkWeb: false}}
    failover: {{automatic: false}}
  features: [{{name: starccm, vendor: siemens}}]
---
apiVersion: rlm-ha/v1
kind: ExporterConfig
spec: {{stateDir: {state}, usage: {{keep: 400d}}}}
"""
LONG_AGO = datetime(2020, 1, 10, 8, tzinfo=UTC)


async def test_serve_deletes_what_is_older_soon_after_its_start(rlm_ha: CommandLine, tmp_path: Path) -> None:
    path, manifest = tmp_path / "journal.db", tmp_path / "prod.yaml"
    async with await Journal.open(url=f"sqlite:///{path}") as journal:
        old, new = LONG_AGO + timedelta(hours=1), datetime.now(UTC)
        await journal.record_usage([*held("old", LONG_AGO, old), *held("new", LONG_AGO, new)])
    manifest.write_text(MANIFEST.format(port=free_port(), state=tmp_path))
    process = await rlm_ha.start("serve", "--config", str(manifest), "--listen", f"127.0.0.1:{free_port()}")

    def users() -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            return [name for (name,) in connection.execute("SELECT user_name FROM rlm_usage_log")]

    try:
        async with asyncio.timeout(90):
            while users() != ["new"]:  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.2)
    finally:
        process.terminate()
        ended = await end_of(process)
    assert ended.code == 0
    assert "deleted: 1 sessions, 0 denials, 0 numbers of seats" in ended.err
