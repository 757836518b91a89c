"""What a proxy before us tells of the caller's request, believed from the configured proxies only."""

import re
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serve_app.http.doors import Doors

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Forwarded:
    """ASGI middleware for X-Forwarded-Host and -Prefix; uvicorn's own reads -Proto and -For beneath it.

    A prefix becomes the `root_path`, from which URLs in answers, redirects and the documentation are made. Of several
    values the last counts: it is the one that the proxy next to us has written.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str], doors: Doors, behind_serve: bool = False) -> None:
        """`behind_serve`: Ray's HTTP layer has believed X-Forwarded-Proto already, whoever sent it."""
        networks = list(trusted)
        self.doors, self.behind_serve = doors, behind_serve
        self.networks = tuple(map(ip_network, networks))
        self.app: ASGIApp = ProxyHeadersMiddleware(app, networks)  # type: ignore[arg-type, assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        # A page that has pointed a name of its own at 127.0.0.1 may send any header, and comes from there.
        if scope["type"] == "http" and self._is_trusted(scope) and self.doors.opens_to(Headers(scope=scope)):
            scope = _as_asked(scope)
        elif scope["type"] == "http" and self.behind_serve:
            scope = {**scope, "scheme": "http"}
        await self.app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            address = ip_address((scope.get("client") or ("", 0))[0])
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def _as_asked(scope: Scope) -> Scope:
    """The scope as it was at the proxy; what is no host or no path is left out."""
    headers = Headers(scope=scope)
    host, prefix = (_last(headers, name) for name in ("x-forwarded-host", "x-forwarded-prefix"))
    changed = dict(scope)
    if _HOST.fullmatch(host):
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        changed["headers"] = [(b"host", host.encode()), *others]
    prefix = prefix.rstrip("/")
    if _PREFIX.fullmatch(prefix) and ".." not in prefix.split("/"):
        changed["root_path"] = prefix
        if not scope["path"].startswith(prefix + "/"):
            changed["path"] = prefix + scope["path"]
    return changed


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
