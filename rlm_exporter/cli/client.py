"""Speaks HTTP with the daemon, and turns whatever goes wrong into one error with its exit code."""

import gzip
import ipaddress
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from rlm_exporter.cli.answers import (
    AlertAnswer,
    AlertsAnswer,
    ClustersAnswer,
    ClusterStatus,
    DoneAnswer,
    EventsAnswer,
    HealthAnswer,
    LogPlaceAnswer,
    LogTakenAnswer,
    MoveAnswer,
    OperationView,
    TargetView,
)
from rlm_exporter.cli.client_config_answers import ClientConfigAnswer, ClientConfigUpdate
from rlm_exporter.cli.connection import Connection, choose_connection
from rlm_exporter.cli.decode import UnexpectedShapeError, decode
from rlm_exporter.cli.deploy_answers import (
    ConfiguredAnswer,
    DeployAnswer,
    ManifestAnswer,
    SettingsAnswer,
)
from rlm_exporter.cli.exit_codes import ExitCode
from rlm_exporter.cli.manners import Manners
from rlm_exporter.cli.seats_answers import ReleaseAnswer, SeatsAnswer
from rlm_exporter.cli.usage_answers import (
    DenialsAnswer,
    DoubleUseAnswer,
    ExpiringAnswer,
    ProfileAnswer,
    SessionsAnswer,
    UsageAnswer,
    WhatIfAnswer,
)
from rlm_exporter.errors import ApiError

T = TypeVar("T")

CONNECT_LIMIT = 3.0
READ_LIMIT = 15.0
"""Seconds without a byte. A wish to move waits in the daemon for the cluster's one writer."""

DEPLOY_LIMIT = 60.0
"""The same for a deployment: the parts of every changed cluster are ended and begun."""

REPORT_LIMIT = 40.0
"""The same for a long look at the usage log: longer than the daemon gives it."""

HANDED_ON = 2
"""How often a wish follows a lease that changes hands meanwhile."""

_BY_KIND = {
    "unknown_server": ExitCode.NOT_FOUND,
    "unknown_cluster": ExitCode.NOT_FOUND,
    "invalid_manifest": ExitCode.FAILED,
}
_BY_STATUS = {
    400: ExitCode.USAGE,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.REFUSED,
    412: ExitCode.REFUSED,
    422: ExitCode.USAGE,
    503: ExitCode.UNREACHABLE,
}
_HINTS = {
    401: "give the daemon's token in RLM_HA_TOKEN_FILE or by a profile",
    403: "this token may not do that: a move needs the role `operator`, reading needs `viewer`",
}


class UnreachableError(ApiError):
    """No answer of the daemon. `maybe_done` = what was asked may have been done all the same."""

    def __init__(self, message: str, *, maybe_done: bool) -> None:
        super().__init__(message, status=None, exit_code=ExitCode.UNREACHABLE)
        self.maybe_done = maybe_done


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """An answer as a value, and as the daemon gave it."""

    value: T
    document: dict[str, Any]


class _BearerAuth(requests.auth.AuthBase):
    """Also without a token: otherwise requests would send what it finds in ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """One daemon. Each call raises ApiError, or UnreachableError where there was no answer of the daemon."""

    def __init__(
        self,
        connection: Connection,
        *,
        trace: Callable[[str], None],
        limits: tuple[float, float] = (CONNECT_LIMIT, READ_LIMIT),
    ) -> None:
        """`limits` are the seconds for connecting, and without a byte."""
        self._trace = trace
        self._limits = limits
        self._session = requests.Session()
        self._session.auth = _BearerAuth(connection.token)
        self._session.headers["Accept"] = "application/json, application/problem+json"
        # Repeating is decided here, where it is known what may be repeated.
        self._session.mount("http://", HTTPAdapter(max_retries=0))
        self._session.mount("https://", HTTPAdapter(max_retries=0))
        self._use(connection.url)

    @property
    def url(self) -> str:
        """The daemon's address."""
        return self._url

    def reasons_against(self, asked: str) -> tuple[str, ...]:
        """Why the daemon is not what is `asked`, healthy or ready; none where it is."""
        response = self._send("GET", f"/-/{asked}")
        first, *rest = response.text.splitlines() or [""]
        if response.ok and first == f"rlm-ha is {asked}":
            return ()
        if response.status_code == 503 and first == "not ready":
            return tuple(rest) or (first,)
        document = self._document(response)
        if response.ok:
            raise self._unexpected(response, ValueError("a document"))
        raise self._problem(response, document)

    def cluster(self, name: str) -> Answer[ClusterStatus]:
        """All that is known of one cluster."""
        return self._ask(ClusterStatus, "GET", _path(name))

    def clusters(self) -> Answer[ClustersAnswer]:
        """The same of all clusters."""
        return self._ask(ClustersAnswer, "GET", "/api/v1/clusters")

    def targets(self, *, by: str, cluster: str | None = None) -> tuple[TargetView, ...]:
        """What there is, by `cluster` or by `server`; told quickly, for no journal is read for it."""
        query = {"by": by} if cluster is None else {"by": by, "cluster": cluster}
        response = self._send("GET", "/api/v1/sd", params=query)
        if not response.ok:
            raise self._problem(response, self._document(response))
        try:
            return decode(tuple[TargetView, ...], response.json())
        except (UnexpectedShapeError, requests.JSONDecodeError) as error:
            raise self._unexpected(response, error) from error

    def events(self, name: str, *, since: str, limit: int) -> Answer[EventsAnswer]:
        """The journal from `since` (ISO) on, at most `limit` of each kind."""
        return self._ask(EventsAnswer, "GET", _path(name, "events"), params={"since": since, "limit": limit})

    def operation(self, name: str, number: int) -> Answer[OperationView]:
        """One operation, open or ended."""
        return self._ask(OperationView, "GET", _path(name, "operations", str(number)))

    def fail_over(
        self, name: str, wish: Mapping[str, Any], *, key: str, verb: str = "failover"
    ) -> Answer[MoveAnswer]:
        """Ask for a move; with the same key it may be asked again, and is done once.

        `verb` is failover, switchover or failback.
        """
        return self._ask(MoveAnswer, "POST", _path(name, verb), json=wish, headers={"Idempotency-Key": key})

    def tell(self, name: str, verb: str, wish: Mapping[str, Any]) -> Answer[DoneAnswer]:
        """Have something done that is no move: pause, resume, ack, maintenance."""
        return self._ask(DoneAnswer, "POST", _path(name, verb), json=wish)

    def update_health(self, name: str, report: Mapping[str, Any]) -> Answer[HealthAnswer]:
        """Tell what another monitor sees."""
        return self._ask(HealthAnswer, "POST", _path(name, "health"), json=report)

    def usage(
        self, name: str, query: Mapping[str, str], *, groups: Mapping[str, str] | None = None
    ) -> Answer[UsageAnswer]:
        """What was used; by groups of users where they are given."""
        path = _path(name, "usage")
        if groups is None:
            return self._report(UsageAnswer, path, query)
        return self._ask(
            UsageAnswer, "POST", path, limit=REPORT_LIMIT, params=query, json={"groups": dict(groups)}
        )

    def usage_sessions(self, name: str, query: Mapping[str, str]) -> Answer[SessionsAnswer]:
        """Who held what."""
        return self._report(SessionsAnswer, _path(name, "usage", "sessions"), query)

    def denials(self, name: str, query: Mapping[str, str]) -> Answer[DenialsAnswer]:
        """Who was refused, and why."""
        return self._report(DenialsAnswer, _path(name, "usage", "denials"), query)

    def double_use(self, name: str, query: Mapping[str, str]) -> Answer[DoubleUseAnswer]:
        """Hosts that held a product from two pools."""
        return self._report(DoubleUseAnswer, _path(name, "usage", "double-use"), query)

    def profile(self, name: str, query: Mapping[str, str]) -> Answer[ProfileAnswer]:
        """One feature over time."""
        return self._report(ProfileAnswer, _path(name, "usage", "profile"), query)

    def expiring(self, name: str, query: Mapping[str, str]) -> Answer[ExpiringAnswer]:
        """Licenses that end soon."""
        return self._ask(ExpiringAnswer, "GET", _path(name, "expiring"), params=query)

    def what_if(self, name: str, query: Mapping[str, str]) -> Answer[WhatIfAnswer]:
        """What other numbers of seats would have meant."""
        return self._report(WhatIfAnswer, _path(name, "usage", "what-if"), query)

    def seats(self, name: str, query: Mapping[str, str]) -> Answer[SeatsAnswer]:
        """Which seats are free."""
        return self._ask(SeatsAnswer, "GET", _path(name, "seats"), params=query)

    def release(self, name: str, wish: Mapping[str, Any]) -> Answer[ReleaseAnswer]:
        """Take a seat back, or with `dry_run` tell whose it is."""
        return self._ask(ReleaseAnswer, "POST", _path(name, "release"), json=wish)

    def client_config(self, name: str) -> Answer[ClientConfigAnswer]:
        """What clients are told."""
        return self._ask(ClientConfigAnswer, "GET", _path(name, "client-config"))

    def set_client_config(self, name: str, wish: Mapping[str, Any]) -> Answer[ClientConfigUpdate]:
        """Set what clients are told, or with `dry_run` hear what that would change."""
        return self._ask(ClientConfigUpdate, "PUT", _path(name, "client-config"), json=wish)

    def deploy(self, wish: Mapping[str, Any]) -> Answer[DeployAnswer]:
        """Have the clusters of a manifest looked after, or with `dry_run` tell what would change."""
        return self._ask(DeployAnswer, "POST", "/api/v1/manifests", limit=DEPLOY_LIMIT, json=wish)

    def manifest(self, name: str) -> Answer[ManifestAnswer]:
        """A cluster's manifest, and whose it is."""
        return self._ask(ManifestAnswer, "GET", _path(name, "manifest"))

    def settings(self, name: str) -> Answer[SettingsAnswer]:
        """What `licenses config` and `optimize` have set."""
        return self._ask(SettingsAnswer, "GET", _path(name, "config"))

    def configure(self, name: str, wish: Mapping[str, Any]) -> Answer[ConfiguredAnswer]:
        """Change some of that."""
        return self._ask(ConfiguredAnswer, "POST", _path(name, "config"), limit=DEPLOY_LIMIT, json=wish)

    def remove(self, name: str, *, requested_by: str) -> Answer[DeployAnswer]:
        """Have a cluster looked after no more."""
        return self._ask(DeployAnswer, "DELETE", _path(name), params={"requested_by": requested_by})

    def send_alert(self, alert: Mapping[str, Any]) -> Answer[AlertAnswer]:
        """Have people told."""
        return self._ask(AlertAnswer, "POST", "/api/v1/alerts", json=alert)

    def alerts(self, *, since: str, limit: int) -> Answer[AlertsAnswer]:
        """What was sent from `since` (ISO) on, at most so many."""
        return self._ask(AlertsAnswer, "GET", "/api/v1/alerts", params={"since": since, "limit": limit})

    def log_place(self, name: str, server: str, isv: str) -> Answer[LogPlaceAnswer]:
        """How far a report log that is shipped has come."""
        return self._ask(LogPlaceAnswer, "GET", _path(name, "servers", server, "report-logs", isv))

    def ship(self, name: str, server: str, isv: str, batch: Mapping[str, Any]) -> Answer[LogTakenAnswer]:
        """Bring what comes next of a report log."""
        return self._ask(
            LogTakenAnswer,
            "POST",
            _path(name, "servers", server, "report-logs", isv),
            data=gzip.compress(orjson.dumps(batch), compresslevel=3),
            headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
        )

    def _report(self, kind: type[T], path: str, query: Mapping[str, str]) -> Answer[T]:
        return self._ask(kind, "GET", path, limit=REPORT_LIMIT, params=query)

    def _ask(self, kind: type[T], method: str, path: str, **arguments: Any) -> Answer[T]:
        response = self._send(method, path, **arguments)
        document = self._document(response)
        for _ in range(HANDED_ON):
            if not self._is_handed_on(response, document):
                break
            response = self._send(method, path, **arguments)
            document = self._document(response)
        if not response.ok:
            raise self._problem(response, document)
        try:
            return Answer(value=decode(kind, document), document=document)
        except UnexpectedShapeError as error:
            raise self._unexpected(response, error) from error

    def _is_handed_on(self, response: requests.Response, document: Mapping[str, Any]) -> bool:
        """Whether another daemon acts for the cluster and says where it is: it is asked from now on."""
        leader = document.get("leader_url")
        if response.status_code != 409 or document.get("kind") != "not_leader" or not isinstance(leader, str):
            return False
        leader = leader.rstrip("/")
        if leader == self._url or urlsplit(leader).scheme not in {"http", "https"}:
            return False
        if urlsplit(self._url).scheme == "https" and urlsplit(leader).scheme != "https":
            return False  # a token is not sent in the clear because an answer says so
        self._trace(f"{document.get('detail')}: asking there")
        self._use(leader)
        return True

    def _use(self, url: str) -> None:
        self._url = url
        if is_loopback(urlsplit(url).hostname or ""):
            # A proxy would look for the daemon on its own machine.
            self._session.trust_env = False
            self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True

    def _send(
        self, method: str, path: str, *, limit: float | None = None, **arguments: Any
    ) -> requests.Response:
        url = self._url + path
        connecting, reading = self._limits
        limit = reading if limit is None else limit
        began = time.monotonic()
        try:
            response = self._session.request(
                method, url, timeout=(connecting, limit), allow_redirects=False, **arguments
            )
        except (requests.RequestException, HTTPError) as error:
            self._trace(f"{method} {url}: {error_text(error, limit=limit)}")
            raise UnreachableError(
                f"no answer from the daemon at {self._url}: {error_text(error, limit=limit)}. "
                "Does `rlm-ha serve` run there? Another address: --url, RLM_HA_URL or a profile.",
                maybe_done=_may_have_arrived(error),
            ) from error
        self._trace(f"{method} {url}: {response.status_code} in {time.monotonic() - began:.3f} s")
        return response

    def _document(self, response: requests.Response) -> dict[str, Any]:
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        try:
            document = response.json() if kind in {"application/json", "application/problem+json"} else None
        except requests.JSONDecodeError:
            document = None
        if isinstance(document, dict) and (response.ok or kind == "application/problem+json"):
            return document
        # A gateway before the daemon that cannot reach it, or a stranger on that port.
        raise UnreachableError(
            f"{self._url} answers ({response.status_code}, {kind or 'no content type'}), but not as "
            "an rlm-ha daemon of this version. Check --url, RLM_HA_URL and the profile.",
            maybe_done=response.status_code >= 500,
        )

    def _unexpected(self, response: requests.Response, error: Exception) -> ApiError:
        return ApiError(
            f"{self._url} answered something unexpected: {error}; is it of another version?",
            status=response.status_code,
            exit_code=ExitCode.FAILED,
        )

    def _problem(self, response: requests.Response, document: Mapping[str, Any]) -> ApiError:
        status, kind = response.status_code, document.get("kind")
        message = str(document.get("detail") or document.get("title") or response.reason)
        if hint := _HINTS.get(status):
            message = f"{message}; {hint}"
        code = _BY_STATUS.get(status, ExitCode.FAILED)
        return ApiError(message, status=status, exit_code=_BY_KIND.get(str(kind), code), kind=str(kind or ""))


def connect(manners: Manners, *, patience: float | None = None) -> Client:
    """A client for the daemon that flags, environment and profile name; `patience` are seconds of silence."""
    from platformdirs import user_config_path  # noqa: PLC0415 - here only, and not for --help

    connection = choose_connection(
        url=manners.url,
        profile=manners.profile,
        environ=os.environ,
        profiles=Path(user_config_path("rlm-ha")) / "profiles.toml",
    )
    limits = (CONNECT_LIMIT, READ_LIMIT) if patience is None else (patience, patience)
    return Client(connection, trace=manners.trace, limits=limits)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path(name: str, *rest: str) -> str:
    return "/".join(("/api/v1/clusters", *(quote(part, safe="") for part in (name, *rest))))


def _may_have_arrived(error: Exception) -> bool:
    """Whether the request may have reached the daemon before it went wrong."""
    if isinstance(
        error, (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)
    ):
        return False
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    return not isinstance(reason, NewConnectionError)


def error_text(error: BaseException, *, limit: float = READ_LIMIT) -> str:
    """What the system said, out of the several wrappings that requests puts around it."""
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {CONNECT_LIMIT:g} s"
    if isinstance(error, requests.ReadTimeout):
        return f"silence for {limit:g} s"
    deepest = error
    seen = {id(error)}
    while (below := _below(deepest)) is not None and id(below) not in seen:
        deepest = below
        seen.add(id(below))
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror.lower()
    return str(deepest)


def _below(error: BaseException) -> BaseException | None:
    if isinstance(error, MaxRetryError) and error.reason is not None:
        return error.reason
    wrapped = next((part for part in error.args if isinstance(part, BaseException)), None)
    return wrapped or error.__cause__ or error.__context__
