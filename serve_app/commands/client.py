"""How commands reach the service: its address, its key, its answers and what stands in between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer

from serve_app.addresses import is_local_url, proxy_variables
from serve_app.commands.terminal import fail
from serve_app.errors import ConfigError

UrlOption = Annotated[str, typer.Option("--url", envvar="CONTINUO_URL", help="The service.")]
LOCAL_URL = "http://127.0.0.1:8000"


def connect(url: str, **options: Any) -> httpx.Client:
    """An HTTP client for the host of a URL: never through a proxy to this machine. Raises ConfigError."""
    if is_local_url(url):
        return httpx.Client(trust_env=False, **options)
    try:
        return httpx.Client(**options)
    except ImportError:
        raise ConfigError(
            f"{_names()} of the environment names a SOCKS proxy, which needs a package: pip install 'httpx[socks]'; "
            "or unset it, or name the service's host in no_proxy"
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        text = f"a proxy variable of the environment ({_names()}) cannot be used"
        raise ConfigError(f"{text} ({type(error).__name__}); correct or unset it") from None


def _names() -> str:
    return ", ".join(proxy_variables()) or "a proxy variable"


def api_key() -> str | None:
    """The key in CONTINUO_API_KEY, None if that is unset or empty. Raises ConfigError."""
    key = os.environ.get("CONTINUO_API_KEY", "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError("CONTINUO_API_KEY holds characters that no API key has")
    return key or None


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """An HTTP client of the service, with the key of CONTINUO_API_KEY if there is one."""
    refuse_nonsense(url)
    key = api_key()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with connect(url, base_url=url, headers=headers, timeout=70) as http:
            yield http
    except httpx.ProxyError as error:
        raise fail(f"no way to {url} through the proxy of {_names()} ({error}); see no_proxy") from None
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        raise fail(f"no answer from {url} ({reason}); start the service with: continuo serve") from None


def refuse_nonsense(url: str) -> None:
    """Raise ConfigError unless this is the URL of some HTTP service."""
    try:
        parsed = httpx.URL(url)
        if parsed.scheme in ("http", "https") and parsed.host and 0 < (parsed.port or 80) <= 65_535:
            return
    except (httpx.InvalidURL, UnicodeError, ValueError):
        pass
    raise ConfigError(f"'{url}' is not the URL of a service; expected for instance {LOCAL_URL} (--url, CONTINUO_URL)")


def path(*parts: str) -> str:
    """A path of the API, every part escaped: what a user typed never leads to another route."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def checked(response: httpx.Response, *members: str) -> Any:
    """The JSON of an answer, which has `members`; a problem ends the command with its detail."""
    if response.is_redirect:
        raise fail(f"{response.url.host} answers elsewhere: use --url {response.headers.get('location', '')}")
    try:
        body = response.json()
        if response.is_success and all(member in body for member in members):
            return body
        text = "; ".join(f"{e['pointer']}: {e['detail']}" for e in body.get("errors", ()))
        text = text or body.get("detail") or body["error"]["message"]  # in OpenAI's shape
        raise fail(text + ("; commands send the key in CONTINUO_API_KEY" if response.status_code == 401 else ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        base = f"{response.url.scheme}://{response.url.netloc.decode()}"
        raise fail(f"{base} answers HTTP {response.status_code}, and not as Continuo does; see --url") from None
