"""`alerts send` with the real daemon behind it."""

from pathlib import Path

import pytest

from tests.cli.command import CommandLine
from tests.cli.daemon import FixedDaemon, fixed
from tests.cli.site import Site

PRINTED = (
    "alerts",
    "send",
    "critical",
    "--message",
    "RLM HA cluster: No healthy servers available",
    "--component",
    "licensing",
)


def add_sink(folder: Path, url: str) -> None:
    with (folder / "site.yaml").open("a") as file:
        file.write(
            "---\napiVersion: rlm-ha/v1\nkind: ExporterConfig\n"
            f"spec: {{alerts: {{sinks: {{pager: {{webhook: {{url: '{url}'}}}}}}}}}}\n"
        )


@pytest.fixture
def site(tmp_path: Path, rlm_ha: CommandLine) -> Site:
    return Site(tmp_path, rlm_ha)


async def test_the_printed_call_is_taken_once_and_resolved(site: Site, tmp_path: Path) -> None:
    pager = FixedDaemon()
    pager.on("POST", "/in", fixed({}))
    await pager.start()
    add_sink(tmp_path, f"{pager.url}/in")
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            first = await site.run(*PRINTED)
            assert (first.code, first.out) == (0, "taken by pager\n"), first.err
            again = await site.run(*PRINTED, "-j")
            assert (again.code, again.document["duplicate"]) == (0, True)
            over = await site.run("alerts", "send", "--resolve", "--key", again.document["key"])
            assert (over.code, over.out) == (0, "taken by pager\n")
            listed = await site.run("alerts", "list")
            assert listed.code == 0, listed.err
            lines = " ".join(listed.out.split())
            assert "resolved RLM HA cluster: No healthy servers" in lines
            assert "critical RLM HA cluster: No healthy servers" in lines
            assert "(2 calls)" in lines
            assert lines.count("pager taken") == 2
            stranger = await site.run(*PRINTED, "--channels", "nobody")
            assert (stranger.code, "from pager are needed" in stranger.err) == (2, True)
    await pager.stop()
    assert [each["status"] for each in pager.bodies] == ["firing", "resolved"]


async def test_each_channel_is_told_once_and_the_answer_says_which_took_it_now(
    site: Site, tmp_path: Path
) -> None:
    there = FixedDaemon()
    for path in ("/pager", "/chat"):
        there.on("POST", path, fixed({}))
    await there.start()
    with (tmp_path / "site.yaml").open("a") as file:
        sinks = ", ".join(f"{name}: {{webhook: {{url: '{there.url}/{name}'}}}}" for name in ("pager", "chat"))
        file.write(
            "---\napiVersion: rlm-ha/v1\nkind: ExporterConfig\n"
            f"spec: {{alerts: {{sinks: {{{sinks}, gone: {{webhook: {{url: 'http://127.0.0.1:9/'}}}}}}}}}}\n"
        )
    call = (*PRINTED, "--key", "pool", "--channels")
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            answers = [
                await site.run(*call, channels) for channels in ("chat", "pager", "chat,pager", "gone")
            ]
            last = await site.run(*call, "chat,gone")
            over = [await site.run("alerts", "send", "--key", "pool", "--resolve", "--channels", each)
                    for each in ("chat", "pager", "chat,pager")]  # fmt: skip
    await there.stop()

    assert [(each.code, each.out.splitlines()[0]) for each in answers] == [
        (0, "taken by chat"),
        (0, "taken by pager"),
        (0, "taken by chat, pager, within the repeat interval"),
        (5, "no sink has taken it yet; it waits and is tried again"),
    ]
    assert last.out.splitlines()[0] == (
        "taken by chat, within the repeat interval; not yet by gone, which is tried again"
    )
    assert [each.out for each in over] == ["taken by chat\n", "taken by pager\n", "no such alert fires\n"]
    assert [request.path for request in there.requests] == ["/chat", "/pager", "/chat", "/pager"]


async def test_what_no_sink_took_waits_over_a_restart_and_arrives(site: Site, tmp_path: Path) -> None:
    pager = FixedDaemon()
    pager.on("POST", "/in", fixed({}))
    add_sink(tmp_path, f"{pager.url}/in")
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            sent = await site.run(*PRINTED)
            assert sent.code == 5
            assert "pager: " in sent.out
        await pager.start()
        async with site.daemon():
            await site.until(lambda _: bool(pager.bodies))
    await pager.stop()
    assert pager.bodies[0]["message"] == "RLM HA cluster: No healthy servers available"


async def test_without_a_sink_it_says_so(site: Site) -> None:
    with site.rlm1, site.rlm2:
        async with site.daemon():
            await site.until_ready()
            sent = await site.run(*PRINTED)
    assert sent.code == 5
    assert "no sink is configured" in sent.err


@pytest.mark.parametrize(
    "words",
    [
        ("critical",),
        ("--message", "m"),
        ("critical", "--severity", "info", "-m", "m"),
        ("--resolve",),
        ("bad",),
    ],
)
async def test_an_incomplete_call_is_refused_before_anybody_is_asked(
    rlm_ha: CommandLine, words: tuple[str, ...]
) -> None:
    assert (await rlm_ha.run("alerts", "send", *words)).code == 2
