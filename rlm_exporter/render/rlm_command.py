"""How rlm is started, and what becomes of each setting of an rlm.conf (pure).

RLM has options on its command line and no file of settings, so a file that looks like one is translated: to
options of rlm, to keys of the manifest, to HAProxy's, or to the plain word that nothing comes of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rlm_exporter.manifest.model import HealthCheckPolicy
from rlm_exporter.rlm.rlm_conf import RlmConf, RlmConfKey

DEFAULT_PROGRAM = "/opt/rlm/bin/rlm"


class Effect(StrEnum):
    """Who does what a setting asks for."""

    RLM = "rlm"
    MONITOR = "monitor"
    """Our daemon, by the manifest."""
    BALANCER = "balancer"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class RlmOptions:
    """The options of one rlm; None = not given, so rlm does as it likes."""

    licenses: str | None = None
    """A license file, or a folder whose `*.lic` are read."""
    debug_log: str | None = None
    web: bool = True
    web_port: int | None = None
    certificate: str | None = None
    key: str | None = None

    def arguments(self) -> tuple[str, ...]:
        """As they stand behind the program's name."""
        return (
            *_pair("-c", self.licenses),
            # Without the plus sign the log of the time before a crash is lost at the next start.
            *_pair("-dlog", f"+{self.debug_log}" if self.debug_log else None),
            *(("-nows",) if not self.web else _pair("-ws", self.web_port)),
            *_pair("-sslcert", self.certificate),
            *_pair("-sslpriv", self.key),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one setting."""

    key: RlmConfKey
    value: str
    line: int
    effect: Effect
    becomes: str | None
    """An option of rlm, a line of the manifest, or one of HAProxy's; None = nothing."""
    note: str


def options_from(conf: RlmConf) -> RlmOptions:
    """The options that rlm gets of an rlm.conf."""
    web = conf.flag(RlmConfKey.WEB_INTERFACE_ENABLE) is not False
    certificate = conf.text(RlmConfKey.WEB_INTERFACE_CERT)
    key = conf.text(RlmConfKey.WEB_INTERFACE_KEY)
    secured = web and _has_tls(conf) and certificate and key
    return RlmOptions(
        licenses=conf.text(RlmConfKey.LICENSE_PATH),
        debug_log=conf.text(RlmConfKey.LOG_FILE),
        web=web,
        web_port=conf.number(RlmConfKey.WEB_INTERFACE_PORT) if web else None,
        certificate=certificate if secured else None,
        key=key if secured else None,
    )


def judge(conf: RlmConf) -> tuple[Verdict, ...]:
    """What becomes of each setting, in the order of the lines."""
    return tuple(_verdict(conf, entry.key, entry.value, entry.line) for entry in conf.entries)


def warnings(conf: RlmConf) -> Iterator[str]:
    """What is missing beside what is there."""
    if conf.text(RlmConfKey.LICENSE_PATH) is None:
        yield "LICENSE_PATH is missing: rlm then takes RLM_LICENSE, or the *.lic of the folder it starts in"
    if conf.flag(RlmConfKey.WEB_INTERFACE_ENABLE) is False:
        return
    wanted = conf.flag(RlmConfKey.WEB_INTERFACE_HTTPS)
    given = [key for key in (RlmConfKey.WEB_INTERFACE_CERT, RlmConfKey.WEB_INTERFACE_KEY) if conf.text(key)]
    if wanted is not False and len(given) == 1:
        yield f"{given[0]} stands alone: rlm takes a certificate and its key together, so it gets neither"
    if wanted and not given:
        yield "WEB_INTERFACE_HTTPS without certificate and key: RLM 16 then makes its own, RLM 15 serves HTTP"
    if wanted is False:
        yield "WEB_INTERFACE_HTTPS 0: RLM 16 serves HTTPS all the same"


def _has_tls(conf: RlmConf) -> bool:
    return conf.flag(RlmConfKey.WEB_INTERFACE_HTTPS) is not False


def _pair(option: str, value: str | int | None) -> tuple[str, ...]:
    return () if value is None else (option, str(value))


def _verdict(conf: RlmConf, key: RlmConfKey, value: str, line: int) -> Verdict:
    effect, becomes, note = _TABLE[key](conf)
    return Verdict(key=key, value=value, line=line, effect=effect, becomes=becomes, note=note)


_Judged = tuple[Effect, str | None, str]


def _licenses(conf: RlmConf) -> _Judged:
    return Effect.RLM, f"-c {conf.text(RlmConfKey.LICENSE_PATH)}", "license file, or folder of *.lic"


def _log_file(conf: RlmConf) -> _Judged:
    return Effect.RLM, f"-dlog +{conf.text(RlmConfKey.LOG_FILE)}", "debug log; + appends at a restart"


def _log_level(_conf: RlmConf) -> _Judged:
    return Effect.NONE, None, "rlm has no levels; NOLOG in the ISV's options file leaves kinds of lines out"


def _web_enable(conf: RlmConf) -> _Judged:
    if conf.flag(RlmConfKey.WEB_INTERFACE_ENABLE):
        return Effect.RLM, None, "rlm serves its web interface unless told not to"
    return Effect.RLM, "-nows", "no web interface; set checkWeb: false in the manifest"


def _web_port(conf: RlmConf) -> _Judged:
    if not options_from(conf).web:
        return Effect.NONE, None, "the web interface is switched off"
    return Effect.RLM, f"-ws {conf.number(RlmConfKey.WEB_INTERFACE_PORT)}", "webPort of the manifest"


def _web_https(conf: RlmConf) -> _Judged:
    if options_from(conf).certificate is None:
        return Effect.NONE, None, "rlm has no such switch, it serves TLS by a certificate and its key"
    return Effect.RLM, None, "by -sslcert and -sslpriv; webTls: true in the manifest"


def _certificate(conf: RlmConf) -> _Judged:
    path = options_from(conf).certificate
    return _tls_option("-sslcert", path)


def _key(conf: RlmConf) -> _Judged:
    return _tls_option("-sslpriv", options_from(conf).key)


def _tls_option(option: str, path: str | None) -> _Judged:
    if path is None:
        return Effect.NONE, None, "rlm gets it only with both files and a web interface that has TLS"
    return Effect.RLM, f"{option} {path}", "readable by the user that runs rlm"


def _redundant(_conf: RlmConf) -> _Judged:
    return (
        Effect.MONITOR,
        "spec.highAvailability.enabled: true",
        "RLM takes over by itself only with an rlm_failover license of the vendor (takeover: native)",
    )


def _heartbeat(conf: RlmConf) -> _Judged:
    seconds = conf.number(RlmConfKey.REDUNDANT_HEARTBEAT_INTERVAL)
    return Effect.MONITOR, f"spec.monitoring.healthCheck.interval: {seconds}s", "how often servers are asked"


def _failover_timeout(conf: RlmConf) -> _Judged:
    interval = conf.number(RlmConfKey.REDUNDANT_HEARTBEAT_INTERVAL) or int(
        HealthCheckPolicy().interval.total_seconds()
    )
    timeout = conf.number(RlmConfKey.REDUNDANT_FAILOVER_TIMEOUT) or interval
    checks = max(1, -(-timeout // interval))
    return (
        Effect.MONITOR,
        f"spec.monitoring.failover.threshold: {checks}",
        f"{timeout} s are {checks} checks {interval} s apart; after a failed one the next follows at once",
    )


def _sync(_conf: RlmConf) -> _Judged:
    return (
        Effect.MONITOR,
        "licenseFiles of each server",
        "RLM copies nothing; the daemon reads those files again by itself and tells what they grant",
    )


def _connection_timeout(_conf: RlmConf) -> _Judged:
    return (
        Effect.BALANCER,
        "timeout client 1d, timeout server 1d",
        "a program holds its seat over a silent connection; TIMEOUT in the ISV's options frees idle seats",
    )


def _max_connections(conf: RlmConf) -> _Judged:
    count = conf.number(RlmConfKey.MAX_CONNECTIONS)
    return (
        Effect.BALANCER,
        f"spec.tuning.maxConnectionsPerServer: {count}",
        f"`render haproxy` makes it maxconn {count}; rlm itself has no limit",
    )


def _threads(_conf: RlmConf) -> _Judged:
    return Effect.NONE, None, "rlm has no such setting"


_TABLE: dict[RlmConfKey, Callable[[RlmConf], _Judged]] = {
    RlmConfKey.LICENSE_PATH: _licenses,
    RlmConfKey.LOG_FILE: _log_file,
    RlmConfKey.LOG_LEVEL: _log_level,
    RlmConfKey.WEB_INTERFACE_ENABLE: _web_enable,
    RlmConfKey.WEB_INTERFACE_PORT: _web_port,
    RlmConfKey.WEB_INTERFACE_HTTPS: _web_https,
    RlmConfKey.WEB_INTERFACE_CERT: _certificate,
    RlmConfKey.WEB_INTERFACE_KEY: _key,
    RlmConfKey.REDUNDANT_SERVER_ENABLE: _redundant,
    RlmConfKey.REDUNDANT_HEARTBEAT_INTERVAL: _heartbeat,
    RlmConfKey.REDUNDANT_FAILOVER_TIMEOUT: _failover_timeout,
    RlmConfKey.REDUNDANT_SYNC_INTERVAL: _sync,
    RlmConfKey.CONNECTION_TIMEOUT: _connection_timeout,
    RlmConfKey.MAX_CONNECTIONS: _max_connections,
    RlmConfKey.THREAD_POOL_SIZE: _threads,
}
