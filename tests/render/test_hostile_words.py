"""Whatever stands in a manifest, it is refused, or it stays one word of what is rendered."""

import re
import shlex
import string
import subprocess
from dataclasses import replace

import click
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rlm_exporter.cli.render_systemd import read_path
from rlm_exporter.errors import FormatError, ManifestError
from rlm_exporter.haproxy.config import RenderOptions, render_config
from rlm_exporter.manifest.load import parse_manifests
from rlm_exporter.manifest.model import Cluster, SettingsFormat
from rlm_exporter.render.client_settings import render_settings, settings_for
from rlm_exporter.render.install import Installation, render_install
from rlm_exporter.render.nfs import Share, render_exports, render_fstab
from rlm_exporter.render.rlm_command import options_from
from rlm_exporter.render.systemd import (
    OurService,
    RlmService,
    render_our_unit,
    render_rlm_unit,
    written_folders,
)
from rlm_exporter.rlm.rlm_conf import parse_rlm_conf

WORDS = st.text(
    st.one_of(
        st.sampled_from("ab/ \t\n\r\\\"'`$#%&;|<>(){}[]*?!~^=:,@+-.\x00\x0b\x1b\x7f\x85\xa0\u2028\ud800é"),
        st.sampled_from(string.printable),
    ),
    min_size=1,
    max_size=12,
)
LINES = [
    "x\nExecStartPre=/bin/evil",
    "x\rExecStartPre=/bin/evil",
    "$(reboot)",
    "%n",
    "a b",
    "it's",
    'say "no"',
    "back\\",
    "#",
    "x\n    stats admin if TRUE",
]
MEMBERS = {"primary": "rlm1", "secondary": "rlm2"}


def manifest(**words: str) -> str:
    """A whole one; each word goes to a place of its own."""

    def member(name: str) -> dict[str, object]:
        host = words.get("host", "{}.example.com").replace("{}", name)
        isv = words.get("isv", "siemens")
        return {"name": words.get("server", "") + name, "host": host, "isvPorts": {isv: 5055}}

    haproxy = {
        "name": words.get("balancer", "lb1"),
        "url": words.get("url", "unix:/run/rlm.sock"),
        "backend": words.get("backend", "rlm_license_servers"),
    }
    document = {
        "apiVersion": "licensing.vantage.com/v1",
        "kind": "LicenseServer",
        "metadata": {"name": words.get("cluster", "site")},
        "spec": {
            "type": "rlm",
            "highAvailability": {
                "enabled": True,
                "mode": "active-passive",
                **{role: member(name) for role, name in MEMBERS.items()},
            },
            "loadBalancer": {"host": words.get("lb", "lb.example.com"), "haproxy": [haproxy]},
            "clientSettings": {"files": [{"path": words.get("file", "/srv/rlm/rlm.sh"), "format": "sh"}]},
            "features": [{"name": words.get("product", "NXCAE"), "vendor": words.get("isv", "siemens")}],
        },
    }
    return yaml.safe_dump(document)


def read(**words: str) -> Cluster | None:
    """None where it is refused."""
    try:
        return parse_manifests(manifest(**words), "site.yaml").clusters[0]
    except (ManifestError, yaml.YAMLError, UnicodeEncodeError):
        return None


def haproxy_file(cluster: Cluster) -> list[list[str]]:
    """Lines as HAProxy parts them: quotes, backslashes and comments."""
    assert cluster.load_balancer is not None
    options = RenderOptions(stats_certificate="/etc/a b/#.pem", stats_ca="/etc/it's.pem")
    text = render_config(cluster, cluster.load_balancer.haproxy[0], options)
    return [shlex.split(line, comments=True) for line in text.split("\n")]


PLAIN = read()
assert PLAIN is not None
PLAIN_FILE = haproxy_file(PLAIN)


@pytest.mark.row(19)
@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from(("cluster", "server", "host", "isv", "balancer", "backend", "lb", "product")),
    word=WORDS | st.sampled_from(LINES),
)
def test_a_name_or_host_adds_no_line_and_no_word_to_haproxys_file(place: str, word: str) -> None:
    cluster = read(**{place: word})
    if cluster is not None:
        assert [len(line) for line in haproxy_file(cluster)] == [len(line) for line in PLAIN_FILE]


@pytest.mark.row(19)
@settings(max_examples=100, deadline=None)
@given(word=WORDS | st.sampled_from(LINES))
def test_a_socket_or_a_stats_page_of_any_name_stays_one_word(word: str) -> None:
    socket = read(url=f"unix:/run/{word}.sock")
    if socket is not None:
        assert ["bind", f"unix@/run/{word}.sock", "mode", "660", "name", "local"] in haproxy_file(socket)
        assert not set(word) & set(",$"), "HAProxy makes a list, or a variable, of it"
    page = read(url=f"https://lb1.example.com:8404/{word}")
    if page is not None:
        lines = haproxy_file(page)
        assert ["stats", "uri", f"/{word}"] in lines
        (bind,) = [line for line in lines if line[0:1] == ["bind"] and "ssl" in line]
        assert bind[2:] == ["ssl", "crt", "/etc/a b/#.pem", "ca-file", "/etc/it's.pem", "verify", "required"]


def units_words(text: str, key: str) -> list[str]:
    """The words of a line of a unit, as systemd parts them; a second such line would be somebody else's."""
    assert "\r" not in text
    (line,) = [line for line in text.split("\n") if line.startswith(f"{key}=")]
    # systemd's words are a shell's, but for `%%`, and `$$` in commands.
    words = shlex.split(line.partition("=")[2])
    assert not [word for word in words if re.search(r"%", word.replace("%%", ""))]
    return [word.replace("%%", "%") for word in words]


def keys(text: str) -> list[str]:
    return [line.partition("=")[0] for line in text.split("\n") if line and not line.startswith("#")]


@pytest.mark.row(16)
@settings(max_examples=100, deadline=None)
@given(word=WORDS | st.sampled_from(LINES))
def test_a_folder_of_a_manifest_adds_nothing_to_our_unit(word: str) -> None:
    cluster = read(file=f"/srv/{word}/rlm.sh")
    if cluster is None:
        return
    text = render_our_unit(OurService(writable=written_folders((cluster,))))
    assert keys(text) == keys(render_our_unit(OurService(writable=("/srv",))))
    assert units_words(text, "ReadWritePaths") == [f"/srv/{word}".rstrip("/")]


def path_of(word: str) -> str | None:
    """A path that an option takes."""
    try:
        return read_path(click.Context(click.Command("x")), click.Option(["--home"]), f"/opt/{word}")
    except click.BadParameter:
        return None


@pytest.mark.row(16)
@settings(max_examples=100, deadline=None)
@given(word=WORDS | st.sampled_from(LINES))
def test_a_path_of_an_option_or_of_an_rlm_conf_is_one_word_of_rlms_unit(word: str) -> None:
    plain = render_rlm_unit(RlmService())
    if (home := path_of(word)) is not None:
        text = render_rlm_unit(RlmService(home=home))
        assert keys(text) == keys(plain)
        (directory,) = [line for line in text.split("\n") if line.startswith("WorkingDirectory=")]
        assert directory.partition("=")[2].replace("%%", "%") == f"{home}/bin"
        assert [each.replace("$$", "$") for each in units_words(text, "ExecStart")] == [f"{home}/bin/rlm"]
    try:
        options = options_from(parse_rlm_conf(f"LICENSE_PATH /opt/{word}\n".encode("utf-8", "surrogatepass")))
    except FormatError:
        return
    if options.licenses is not None:
        text = render_rlm_unit(RlmService(options=options))
        assert keys(text) == keys(plain)
        command = [each.replace("$$", "$") for each in units_words(text, "ExecStart")]
        assert command == ["/opt/rlm/bin/rlm", "-c", options.licenses]


@pytest.mark.row(14)
@settings(max_examples=40, deadline=None)
@given(word=WORDS | st.sampled_from(LINES))
@example(word="$(touch x)")
@example(word="it's")
def test_a_home_of_any_name_is_what_the_shell_has(word: str) -> None:
    home = path_of(word)
    if home is None:
        return
    script = render_install(replace(Installation(), home=home))
    head = script.partition("\nroot=")[0]
    said = subprocess.run(
        ["/bin/sh", "-c", f'{head}\nprintf %s "$HOME_DIR"'], capture_output=True, check=True, timeout=20
    )
    assert (said.stdout.decode(), said.stderr) == (home, b"")


@pytest.mark.row(26)
@settings(max_examples=100, deadline=None)
@given(word=WORDS | st.sampled_from(LINES))
def test_a_shared_folder_of_any_name_is_one_field(word: str) -> None:
    path = path_of(word)
    if path is None:
        return
    share = Share(server="nfs", path=path, clients=("rlm1", "rlm2"), mount=path)
    *_, exported = [line for line in render_exports(share).split("\n") if line and line[0] != "#"]
    *_, mounted = [line for line in render_fstab(share).split("\n") if line and line[0] != "#"]

    def plain(field: str) -> str:
        assert not set(field) & set(" \t#")
        return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field)

    assert '"' not in exported
    assert plain(exported.split(" ")[0]) == path
    source, mount, kind, *_ = mounted.split(" ")
    assert (plain(source), plain(mount), kind) == (f"nfs:{path}", path, "nfs")


@pytest.mark.row(24)
@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(("cluster", "host", "isv", "lb")), word=WORDS | st.sampled_from(LINES))
def test_clients_get_nothing_but_their_variables(place: str, word: str) -> None:
    cluster = read(**{place: word})
    if cluster is None:
        return
    wanted = settings_for(cluster, cluster.servers[0].name)
    for form in SettingsFormat:
        text = render_settings(wanted, form)
        plain = render_settings(settings_for(PLAIN, "rlm1"), form) if PLAIN is not None else ""
        lines = [line for line in text.split("\n") if not line.startswith(("#", "--"))]
        assert not set("".join(lines)) & set("`;\\") or form is SettingsFormat.POWERSHELL
        assert "$(" not in text
        comments = text.count("is no name that a shell can set")
        assert text.count("\n") == plain.count("\n") or comments
    said = subprocess.run(
        ["/bin/sh", "-c", render_settings(wanted, SettingsFormat.SH) + 'printf %s "$RLM_LICENSE"'],
        capture_output=True, text=True, check=True, timeout=20,
    )  # fmt: skip
    assert (said.stdout, said.stderr) == (":".join(wanted.servers), "")
