"""Every mistake of a caller is answered with a problem that says where it is, and never costs us a trace."""

import difflib
import json
import pickle
import re
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from serve_app.errors import (
    BY_CODE,
    ContinuoError,
    Invalid,
    Malformed,
    from_code,
    openai_error,
    pointer,
    problem,
    unknown_name,
)
from serve_app.http import bodies
from tests.support.service import Json, Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

JSON = {"Content-Type": "application/json"}
ROUTES = {"/v1/audio/generations": "", "/v1/jobs": "/input"}


def body_of(route: str, fields: Json) -> Json:
    """A request that is right but for `fields`, as the route wants it."""
    made = {"prompt": "a tone", "duration_s": 0.5, **fields}
    return {"model": "tone", **made} if route == "/v1/audio/generations" else {"model": "tone", "input": made}


def check(reply: httpx.Response, status: int, code: str, at: str | None = None) -> Json:
    """The problem, which must be whole and point at the field."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json"), reply.text
    found: Json = reply.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"urn:continuo:error:{code}"
    assert found["title"]
    assert found["detail"]
    assert found["instance"] == reply.request.url.path
    assert found["request_id"] == reply.headers["x-request-id"] != ""
    assert isinstance(found["retryable"], bool)
    if at is not None:
        assert at in [item["pointer"] for item in found["errors"]], found
        assert all(item["detail"] for item in found["errors"])
    return found


WRONG_FIELDS: list[tuple[Json, str]] = [
    ({"prompt": ""}, "/prompt"),
    ({"prompt": " \t\n\u3000"}, "/prompt"),
    ({"prompt": "x" * 10_000}, "/prompt"),
    ({"prompt": 7}, "/prompt"),
    ({"prompt": None}, "/prompt"),
    ({"prompt": ["a"]}, "/prompt"),
    ({"prompt": "a \ud800 b"}, "/prompt"),
    ({"prompt": "\udfff"}, "/prompt"),
    ({"duration_s": 0}, "/duration_s"),
    ({"duration_s": -1}, "/duration_s"),
    ({"duration_s": float("nan")}, "/duration_s"),
    ({"duration_s": float("inf")}, "/duration_s"),
    ({"duration_s": 60.001}, "/duration_s"),
    ({"duration_s": 10**400}, "/duration_s"),
    ({"duration_s": True}, "/duration_s"),
    ({"duration_s": "5"}, "/duration_s"),
    ({"duration_s": "long"}, "/duration_s"),
    ({"duration_s": {}}, "/duration_s"),
    ({"format": "ogg"}, "/format"),
    ({"format": "WAV"}, "/format"),
    ({"format": 1}, "/format"),
    ({"n": 0}, "/n"),
    ({"n": 9}, "/n"),
    ({"n": True}, "/n"),
    ({"n": "2"}, "/n"),
    ({"n": 1.5}, "/n"),
    ({"seed": -1}, "/seed"),
    ({"seed": 2**32}, "/seed"),
    ({"seed": 1.5}, "/seed"),
    ({"seed": 3.0}, "/seed"),
    ({"seed": "3"}, "/seed"),
    ({"seed": False}, "/seed"),
    ({"seed": 10**400}, "/seed"),
    ({"steps": 0}, "/steps"),
    ({"steps": "4"}, "/steps"),
    ({"frequency_hz": True}, "/frequency_hz"),
    ({"sample_rate_hz": 7999}, "/sample_rate_hz"),
    ({"sample_rate_hz": 96_000, "format": "mp3"}, "/sample_rate_hz"),
    ({"sample_rate_hz": 192_000, "format": "aac"}, "/sample_rate_hz"),
    ({"bit_depth": 32}, "/bit_depth"),
    ({"bit_depth": 8}, "/bit_depth"),
    ({"loudness_lufs": 0}, "/loudness_lufs"),
    ({"loudness_lufs": "-16"}, "/loudness_lufs"),
    ({"steps": 2, "num_inference_steps": 2}, "/num_inference_steps"),
    ({"audio_length_in_s": 1}, "/audio_length_in_s"),
    ({"audio_length_in_s": 0, "duration_s": None}, "/duration_s"),
    ({"": 1}, "/"),
    ({"a/b~c": 1}, "/a~1b~0c"),
    ({"x" * 10_000: 1}, "/" + "x" * 10_000),
]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("fields", "at"), WRONG_FIELDS, ids=lambda value: ascii(value)[:40])
async def test_a_wrong_field_is_named(service: Service, route: str, fields: Json, at: str) -> None:
    reply = await service.http.post(route, content=json.dumps(body_of(route, fields)), headers=JSON)
    check(reply, 422, "invalid", ROUTES[route] + at if len(at) < 100 else None)


@pytest.mark.parametrize("route", ROUTES)
async def test_a_name_that_is_no_text(service: Service, route: str) -> None:
    content = json.dumps(body_of(route, {"\ud800": 1}))
    check(await service.http.post(route, content=content, headers=JSON), 422, "invalid")


@pytest.mark.parametrize("route", ROUTES)
async def test_every_wrong_field_is_named_at_once(service: Service, route: str) -> None:
    fields = {"prompt": "", "duration_s": -1, "n": 0, "steps": 0}
    found = check(await service.http.post(route, json=body_of(route, fields)), 422, "invalid")
    assert {item["pointer"].removeprefix(ROUTES[route]) for item in found["errors"]} == {*map("/".__add__, fields)}


@pytest.mark.parametrize(
    ("written", "at"), [("1e309", "/duration_s"), ("-1e309", "/duration_s"), ("1e-400", "/duration_s")]
)
async def test_numbers_that_no_float_holds(service: Service, written: str, at: str) -> None:
    content = '{"model": "tone", "prompt": "x", "duration_s": ' + written + "}"
    check(await service.http.post("/v1/audio/generations", content=content, headers=JSON), 422, "invalid", at)


async def test_an_unknown_model_names_the_nearest(service: Service) -> None:
    for route in ROUTES:
        reply = await service.http.post(route, json={**body_of(route, {}), "model": "tonne"})
        assert "did you mean 'tone'?" in check(reply, 422, "invalid", "/model")["detail"]
    found = check(await service.http.get("/v1/models/chime2"), 404, "not_found")
    assert "did you mean 'chime'?" in found["detail"]


@pytest.mark.parametrize("model", ["", "x" * 65, 7, None, "a\x00b", "\ud800", "../etc"])
async def test_a_model_that_is_no_name(service: Service, model: Any) -> None:
    for route in ROUTES:
        content = json.dumps({**body_of(route, {}), "model": model})
        check(await service.http.post(route, content=content, headers=JSON), 422, "invalid", "/model")


@pytest.mark.parametrize("route", ROUTES)
async def test_an_unknown_field_names_the_nearest(service: Service, route: str) -> None:
    reply = await service.http.post(route, json=body_of(route, {"durations": 2}))
    found = check(reply, 422, "invalid", ROUTES[route] + "/durations")
    assert "did you mean 'duration_s'?" in found["detail"]


@pytest.mark.parametrize("route", ROUTES)
async def test_a_field_of_another_model_names_the_models_that_have_it(service: Service, route: str) -> None:
    reply = await service.http.post(route, json=body_of(route, {"tempo_bpm": 90}))
    found = check(reply, 422, "invalid", ROUTES[route] + "/tempo_bpm")
    assert "models that do: chime" in found["detail"]
    reply = await service.http.post(route, json=body_of(route, {"guidance_scale": 3}))
    assert "no configured model does" in check(reply, 422, "invalid")["detail"]


HUGE = 1_000_000
MANY = {f"n{index:06d}": 1 for index in range(55_000)}
COSTLY: dict[str, Any] = {
    "some unknown fields": dict(list(MANY.items())[:3000]),
    "many unknown fields": MANY,
    "one long name": {"x" * HUGE: 1},
    "long names": {f"{index:04d}" + "x" * 990: 1 for index in range(1000)},
    "a long value": {"format": "x" * HUGE},
    "unknown members of a webhook": {"webhook": {"url": "https://example.com", **MANY}},
    "wrong items": {"webhook": {"url": "https://example.com", "events": [1] * 300_000}},
    "items in items": {"a": [[]] * 200_000},
    "deep": {"a": json.loads("[" * 500 + "]" * 500)},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fields", COSTLY.values(), ids=COSTLY)
async def test_a_refusal_costs_little_and_says_little(
    service: Service, route: str, fields: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []
    read: list[tuple[int, int]] = []  # how long a body, in which thread

    def compare(word: str, *others: Any, **more: Any) -> list[str]:
        compared.append(word)
        return difflib_close_matches(word, *others, **more)

    def watched(raw: bytes, *rest: Any) -> Any:
        read.append((len(raw), threading.get_ident()))
        return bodies_parsed(raw, *rest)

    difflib_close_matches, bodies_parsed = difflib.get_close_matches, bodies.parsed
    monkeypatch.setattr(difflib, "get_close_matches", compare)
    monkeypatch.setattr(bodies, "parsed", watched)
    content = json.dumps(body_of(route, fields), separators=(",", ":"))
    reply = await service.http.post(route, content=content, headers=JSON)
    found = check(reply, reply.status_code, reply.json()["code"])
    assert reply.status_code in (400, 422)
    assert len(found.get("errors", ())) <= 20
    assert len(reply.content) < 16_000
    assert len(compared) <= 20
    assert all(len(word) <= 64 for word in compared)
    [(length, thread)] = read
    assert (thread != threading.get_ident()) == (length > 64 << 10)


def test_a_body_of_more_values_than_findings_can_name_is_no_list_of_findings() -> None:
    for value in ([0] * 6000, {str(n): n for n in range(6000)}, [[0] * 100] * 60):
        with pytest.raises(Invalid, match="5000 values"):
            bodies.refuse_unbounded(value)
    bodies.refuse_unbounded({"texts": ["x"] * 4000, "a": {"b": [{}]}})
    with pytest.raises(Malformed, match="64 levels"):
        bodies.refuse_unbounded(json.loads("[" * 70 + "]" * 70))


@pytest.mark.parametrize(
    ("terms", "at"),
    [
        ({"priority": "urgent"}, "/priority"),
        ({"deadline_s": 0}, "/deadline_s"),
        ({"deadline_s": -3}, "/deadline_s"),
        ({"deadline_s": "3"}, "/deadline_s"),
        ({"deadline_s": True}, "/deadline_s"),
        ({"deadline_s": float("nan")}, "/deadline_s"),
        ({"webhook": "https://example.com"}, "/webhook"),
        ({"webhook": {}}, "/webhook/url"),
        ({"webhook": {"url": "https://example.com", "event": ["completed"]}}, "/webhook/event"),
        ({"webhook": {"url": "https://example.com", "events": ["ended"]}}, "/webhook/events/0"),
        ({"webhook": {"url": "https://example.com/" + "x" * 2000}}, "/webhook/url"),
        ({"webhook": {"url": "https://example.com/\ud800"}}, "/webhook/url"),
    ],
    ids=lambda value: ascii(value)[:50],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_wrong_terms_are_named(service: Service, route: str, terms: Json, at: str) -> None:
    content = json.dumps({**body_of(route, {}), **terms})
    check(await service.http.post(route, content=content, headers=JSON), 422, "invalid", at)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("member", "hint"), [("event", "'events'?"), ("uri", "'url'?"), ("model", "events, url")])
async def test_an_unknown_member_of_an_inner_object_names_one_of_that_object(
    service: Service, route: str, member: str, hint: str
) -> None:
    webhook = {"url": "https://example.com", member: "x"}
    reply = await service.http.post(route, json={**body_of(route, {}), "webhook": webhook})
    assert hint in check(reply, 422, "invalid", f"/webhook/{member}")["detail"]


async def test_an_unknown_member_of_a_job_names_the_nearest(service: Service) -> None:
    reply = await service.http.post("/v1/jobs", json={"model": "tone", "input": {"prompt": "x"}, "webhok": None})
    assert "did you mean 'webhook'?" in check(reply, 422, "invalid", "/webhok")["detail"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://localhost/", "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/", "https://0/", "ftp://example.com/", "https://u:p@93.184.215.14/", "x", "https://",
    ],
)  # fmt: skip
async def test_a_webhook_never_leads_inside(service: Service, url: str) -> None:
    reply = await service.http.post("/v1/jobs", json={**body_of("/v1/jobs", {}), "webhook": {"url": url}})
    check(reply, 422, "invalid", "/webhook/url")
    assert (await service.http.get("/v1/jobs?limit=1")).json()["results"] == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b'{"prompt": "a",}', 400, "malformed"),
        (b"{'prompt': 'a'}", 400, "malformed"),
        (b'{"prompt": "\xff\xfe"}', 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (b'{"a":' * 100_000, 400, "malformed"),
        (b'{"duration_s": ' + b"1" * 5000 + b"}", 400, "malformed"),
        (b"[]", 422, "invalid"),
        (b"[1, 2]", 422, "invalid"),
        (b"7", 422, "invalid"),
        (b'"prompt"', 422, "invalid"),
        (b"null", 422, "invalid"),
        (b"true", 422, "invalid"),
        (b"{}", 422, "invalid"),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_that_is_no_request(service: Service, route: str, content: bytes, status: int, code: str) -> None:
    check(await service.http.post(route, content=content, headers=JSON), status, code)


async def test_input_is_an_object(service: Service) -> None:
    for wrong in (None, [], "x", 1):
        reply = await service.http.post("/v1/jobs", json={"model": "tone", "input": wrong})
        check(reply, 422, "invalid", "/input")


@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_over_the_limit(service: Service, route: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * (1 << 20)

    check(await service.http.post(route, content=b" " * (50 << 20), headers=JSON), 413, "too_large")
    check(await service.http.post(route, content=endless(), headers=JSON), 413, "too_large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
async def test_a_body_of_another_type(service: Service, kind: str) -> None:
    content = json.dumps(body_of("/v1/audio/generations", {}))
    reply = await service.http.post("/v1/audio/generations", content=content, headers={"Content-Type": kind})
    check(reply, 415, "unsupported_media_type")


async def test_json_with_a_charset_is_json(service: Service) -> None:
    content = json.dumps(body_of("/v1/audio/generations", {}))
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert (await service.http.post("/v1/audio/generations", content=content, headers=headers)).status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "zip-bomb"])
async def test_a_compressed_body_is_not_read(service: Service, coding: str) -> None:
    headers = {**JSON, "Content-Encoding": coding}
    reply = await service.http.post("/v1/audio/generations", content=b"\x1f\x8b\x08\x00", headers=headers)
    check(reply, 415, "unsupported_media_type")


@pytest.mark.parametrize("coding", ["identity", "Identity", " IDENTITY "])
async def test_a_body_that_says_it_is_not_compressed_is_read(service: Service, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    body = body_of("/v1/audio/generations", {"duration_s": 0.1})
    assert (await service.http.post("/v1/audio/generations", json=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("key", ["", " ", '""', "x" * 256])
async def test_an_idempotency_key_that_is_none(service: Service, key: str) -> None:
    for route in ROUTES:
        reply = await service.http.post(route, json=body_of(route, {}), headers={"Idempotency-Key": key})
        assert reply.status_code in (400, 422)
        check(reply, reply.status_code, reply.json()["code"])


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=-1", "/limit"),
        ("limit=many", "/limit"),
        ("limit=1e2", "/limit"),
        ("limit=", "/limit"),
        ("limit=9999999999999999999999", "/limit"),
        ("status=done", "/status"),
        ("status=", "/status"),
        ("cursor=" + "x" * 65, "/cursor"),
    ],
)
async def test_a_wrong_filter_of_the_list(service: Service, query: str, at: str) -> None:
    check(await service.http.get(f"/v1/jobs?{query}"), 422, "invalid", at)


@pytest.mark.parametrize("cursor", ["", "x", "%00", "%ff%fe", "'; drop table jobs;--", "job_%", "0", "%F0%9F%94%94"])
async def test_a_strange_cursor_is_a_page_or_a_mistake(service: Service, cursor: str) -> None:
    reply = await service.http.get(f"/v1/jobs?cursor={cursor}")
    if reply.status_code != 200:
        check(reply, *((400, "malformed") if cursor == "%00" else (422, "invalid", "/cursor")))


STRANGE_IDS = [
    "x",
    "job_",
    "job_" + "0" * 26,
    "%00",
    "%ff",
    "..%2f..",
    "x" * 5000,
    "'%20or%201=1",
    "%F0%9F%94%94",
]


@pytest.mark.parametrize("job_id", STRANGE_IDS, ids=lambda value: value[:12])
async def test_an_unknown_job(service: Service, job_id: str) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/events")):
        reply = await service.http.request(method, f"/v1/jobs/{job_id}{path}")
        assert reply.status_code == 404
        check(reply, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/models/x/y", 404, "not_found"),
        ("PUT", "/v1/jobs", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/audio/generations", 405, "method_not_allowed"),
        ("BREW", "/v1/jobs", 405, "method_not_allowed"),
    ],
)
async def test_a_path_or_method_that_is_not_there(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    reply = await service.http.request(method, path)
    check(reply, status, code)
    if status == 405:
        assert reply.headers["allow"]


async def test_a_sane_request_id_is_kept_and_another_replaced(service: Service) -> None:
    kept = await service.http.get("/v1/nothing", headers={"X-Request-Id": "trace-1:a.b_c"})
    assert kept.headers["x-request-id"] == kept.json()["request_id"] == "trace-1:a.b_c"
    for strange in ("", "a b", "x" * 65, '"', "a\tb", "é", "a\n"):
        reply = await service.http.get("/healthz", headers=[(b"x-request-id", strange.encode())])
        assert re.fullmatch(r"req_[0-9a-z]{26}", reply.headers["x-request-id"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    ["model", "prompt", "duration_s", "seed", "n", "format", "bit_depth", "sample_rate_hz", "loudness_lufs", "webhook",
     "priority", "deadline_s", "input", "steps", "step_s", "tempo_bpm", "audio_length_in_s", "num_inference_steps"]
) | st.text(st.characters(), max_size=8)  # fmt: skip


# Threads of the service draw from `random` meanwhile; hypothesis takes that for a strategy's doing.
OTHERS_DRAW = pytest.mark.filterwarnings("ignore:Do not use the .random. module inside strategies")


@OTHERS_DRAW
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(names, json_values, max_size=6), st.booleans())
@example({"duration_s": 1e-320}, True)
@example({"duration_s": 1e-9}, False)
async def test_no_body_is_our_fault(service: Service, fields: Json, complete: bool) -> None:
    for route in ROUTES:
        if complete:
            body = body_of(route, fields)
        else:
            body = fields if route == "/v1/audio/generations" else {"model": "tone", "input": fields}
        body.pop("webhook", None) if isinstance(body.get("webhook"), dict) else None
        headers = {**JSON, "Prefer": "wait=20"}
        reply = await service.http.post(route, content=json.dumps(body), headers=headers)
        late = "deadline_s" in body and reply.status_code == 504  # the caller's own haste
        assert reply.status_code < 500 or late, reply.text
        if reply.status_code >= 400:
            check(reply, reply.status_code, reply.json()["code"])


HEADERS = st.sampled_from(
    ["Host", "Origin", "Sec-Fetch-Site", "Prefer", "Last-Event-ID", "Range", "If-Range", "If-None-Match", "Accept",
     "Idempotency-Key", "Authorization", "Content-Encoding", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Request-Id",
     "X-Forwarded-Proto", "X-Forwarded-For", "Access-Control-Request-Method"]
)  # fmt: skip
PIECES = ["wait", "=", "5", ";", ",", '"', "bytes", "-", "localhost", ":", "[", "]", "/", "*"]
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)
VALUES |= st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS"])


@OTHERS_DRAW
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(HEADERS, VALUES, max_size=4), METHODS)
async def test_no_header_is_our_fault(service: Service, headers: dict[str, str], method: str) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in ("/v1/jobs", "/v1/jobs/", "/v1/files/audio/x", "/v1/jobs/job_x/events", "/docs"):
        content = b"{}" if method == "POST" else None
        reply = await service.http.request(method, path, headers=sent, content=content)
        assert reply.status_code < 500, (path, reply.text)
        if reply.status_code >= 400 and method != "HEAD":
            check(reply, reply.status_code, reply.json()["code"])


@OTHERS_DRAW
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.binary(max_size=60))
async def test_no_bytes_are_our_fault(service: Service, content: bytes) -> None:
    reply = await service.http.post("/v1/jobs", content=content, headers=JSON)
    check(reply, reply.status_code, reply.json()["code"])
    assert reply.status_code in (400, 422)


async def test_every_code_stands_for_one_status_and_travels_as_data() -> None:
    for code, kind in BY_CODE.items():
        error = kind("why", [{"pointer": "/x", "detail": "y"}], 3.0)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.detail, again.errors, again.retry_after_s) == (kind, "why", error.errors, 3.0)
        assert problem(from_code(code, "why", error.errors), instance="/", request_id="r")["status"] == kind.status
    assert from_code("of a later version", "x").status == 500
    assert {kind.code for kind in all_errors(ContinuoError)} == set(BY_CODE)


def all_errors(kind: type[ContinuoError]) -> list[type[ContinuoError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in all_errors(child))]


async def test_pointers_and_nearest_names() -> None:
    assert pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"
    assert unknown_name("field", "promt", ["prompt", "n"]) == "unknown field 'promt'; did you mean 'prompt'?"
    assert unknown_name("field", "zzz", ["prompt", "n"]) == "unknown field 'zzz'; known: n, prompt"
    assert len(unknown_name("field", "z" * 10_000, ["n"])) < 200


async def test_the_openai_form_has_all_four_members() -> None:
    error = openai_error(Invalid("wrong", [{"pointer": "/voice", "detail": "wrong"}]))["error"]
    assert error == {"message": "wrong", "type": "invalid_request_error", "param": "voice", "code": "invalid"}
    assert openai_error(ContinuoError())["error"] | {"type": "server_error"} == openai_error(ContinuoError())["error"]
