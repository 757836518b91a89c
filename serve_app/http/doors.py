"""Which requests of browsers come in: any page on the internet can talk to 127.0.0.1.

Host: without keys only names of this machine are answered, so that no page reaches us by pointing a name of its own
at 127.0.0.1 (DNS rebinding). Origin: what changes something is refused from other sites, after the algorithm of Go's
net/http.CrossOriginProtection; whoever is no browser sends neither header and is let in.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from serve_app.config import Args
from serve_app.errors import CrossSite, Misdirected

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{0,5}))?")
_PORTS = {"http": "80", "https": "443"}


class Doors:
    """The checks for one configuration."""

    def __init__(self, args: Args) -> None:
        public = urlsplit(args.public_url or "")
        own = {name for name in (public.hostname, args.listen and args.listen.host) if name}
        self.hosts = _LOOPBACK_NAMES | own if args.auth.mode == "loopback" else None  # None: any
        self.origins = frozenset({*args.cors_origins, f"{public.scheme}://{public.netloc}"})

    def check(self, method: str, headers: Headers) -> None:
        """Raise Misdirected for a host that is not ours, CrossSite for a write from another site."""
        if not self.opens_to(headers):
            raise Misdirected(
                "without API keys only names of this machine are answered, for instance localhost; "
                "another one is named by public_url"
            )
        if method not in _SAFE:
            self._refuse_cross_site(headers)

    def opens_to(self, headers: Headers) -> bool:
        """Whether the host that is asked for is ours."""
        return self.hosts is None or all(_name(host) in self.hosts for host in headers.getlist("host"))

    def _refuse_cross_site(self, headers: Headers) -> None:
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if "*" in self.origins or (origin is not None and origin in self.origins):
            return
        if origin is None and site is None:
            return
        if site in ("same-origin", "none") or (site is None and _is_own(origin or "", headers.get("host", ""))):
            return
        raise CrossSite(
            f"pages of {(origin or 'another site')[:100]} may not do this; cors_origins opens the API to them"
        )


def is_host(text: str) -> bool:
    """Whether this is a host with or without a port, of which a URL can be made."""
    match = _HOST.fullmatch(text)
    if match is None or int("0" if match[2] is None else match[2] or 65536) > 65535:
        return False
    try:
        return not match[1].startswith("[") or IPv6Address(match[1][1:-1]) is not None
    except ValueError:
        return False


def _name(host: str) -> str:
    """The name in a Host header, "" for what is none."""
    match = _HOST.fullmatch(host.strip())
    return match[1].strip("[]").rstrip(".").lower() if match else ""


def _is_own(origin: str, host: str) -> bool:
    """Whether an origin is this service as the Host header names it, whatever ends TLS before us."""
    scheme, _, rest = origin.partition("://")
    theirs, ours = _HOST.fullmatch(rest), _HOST.fullmatch(host)
    if theirs is None or ours is None or scheme not in _PORTS:
        return False
    return _name(rest) == _name(host) and (theirs[2] or _PORTS[scheme]) == (ours[2] or _PORTS[scheme])
