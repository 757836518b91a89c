"""How the caller reached the service: what a proxy before us tells, if it is a configured one, and `public_url`."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from serve_app.http.doors import Doors, is_host

Knows = Callable[[Scope], bool]  # whether there is a route for the path
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class Forwarded:
    """ASGI middleware for X-Forwarded-Host and -Prefix; uvicorn's own reads -Proto and -For beneath it.

    A prefix becomes the `root_path`, from which URLs in answers, redirects and the documentation are made. Of several
    values the last counts: it is the one that the proxy next to us has written.
    """

    def __init__(
        self, app: ASGIApp, trusted: Iterable[str], doors: Doors, knows: Knows, behind_serve: bool = False
    ) -> None:
        """`behind_serve`: Ray's HTTP layer has believed X-Forwarded-Proto already, whoever sent it."""
        networks = list(trusted)
        self.doors, self.knows, self.behind_serve = doors, knows, behind_serve
        self.networks = tuple(map(ip_network, networks))
        self.app: ASGIApp = ProxyHeadersMiddleware(app, networks)  # type: ignore[arg-type, assignment]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and self.behind_serve:
            scope = {**scope, "server": None}  # a port inside: without a Host URLs in answers are relative
        # A page that has pointed a name of its own at 127.0.0.1 may send any header, and comes from there.
        if scope["type"] == "http" and self._is_trusted(scope) and self.doors.opens_to(Headers(scope=scope)):
            scope = _as_asked(scope, self.knows)
        elif scope["type"] == "http" and self.behind_serve:
            scope = {**scope, "scheme": "http"}
        await self.app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            address = ip_address((scope.get("client") or ("", 0))[0])
        except ValueError:
            return False
        return any(address in network for network in self.networks)


class PublicUrl:
    """ASGI middleware, the innermost: URLs in answers, redirects and the documentation are those of `public_url`."""

    def __init__(self, app: ASGIApp, url: str, knows: Knows) -> None:
        public = urlsplit(url)
        self.app, self.knows = app, knows
        self.scheme, self.host, self.prefix = public.scheme, public.netloc.encode(), public.path.rstrip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whose own Host has been checked."""
        if scope["type"] == "http":
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {**scope, "scheme": self.scheme, "headers": [(b"host", self.host), *others]}
            if self.prefix != scope.get("root_path", ""):
                path = scope["path"].removeprefix(scope.get("root_path", ""))
                scope = _below(self.prefix, {**scope, "path": path, "root_path": ""}, self.knows)
        await self.app(scope, receive, send)


def _below(prefix: str, scope: Scope, knows: Knows) -> Scope:
    """The scope under a prefix, which the proxy has removed from the path or left there.

    A path of ours may itself begin as the prefix does: the prefix is still there if the rest is a path of ours, too.
    """
    inside = {**scope, "root_path": prefix, "path": prefix + scope["path"]}
    kept = {**scope, "root_path": prefix}
    if not scope["path"].startswith(prefix + "/") or (knows(inside) and not knows(kept)):
        return inside
    return kept


def _as_asked(scope: Scope, knows: Knows) -> Scope:
    """The scope as it was at the proxy; what is no host or no path is left out."""
    headers = Headers(scope=scope)
    host, prefix = (_last(headers, name) for name in ("x-forwarded-host", "x-forwarded-prefix"))
    changed = dict(scope)
    if is_host(host):
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        changed["headers"] = [(b"host", host.encode()), *others]
    prefix = prefix.rstrip("/")
    if _PREFIX.fullmatch(prefix) and ".." not in prefix.split("/"):
        return _below(prefix, changed, knows)
    return changed


def _last(headers: Headers, name: str) -> str:
    return ",".join(headers.getlist(name)).rpartition(",")[2].strip()
