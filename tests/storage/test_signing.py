import stat
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.errors import BadSignature, Expired, StorageMisconfigured
from serve_app.storage.local import LocalStorage
from serve_app.storage.signing import load_secret, sign, verify

SECRET = bytes(32)
KEY = "out/4f/4fa2.flac"


def test_a_signature_holds_until_its_last_second() -> None:
    signature = sign(SECRET, KEY, 1000)
    assert verify(SECRET, KEY, "1000", signature, now=999.999) == 1000
    with pytest.raises(Expired, match="read the job again"):
        verify(SECRET, KEY, "1000", signature, now=1000)


@pytest.mark.parametrize(
    ("key", "expires", "secret"),
    [
        ("out/4f/4fa3.flac", "1000", SECRET),
        (KEY + "/x", "1000", SECRET),
        ("OUT/4f/4fa2.flac", "1000", SECRET),
        (KEY, "1001", SECRET),
        (KEY, "9000", SECRET),
        (KEY, "1000", bytes(31) + b"\1"),
    ],
)
def test_a_signature_holds_for_one_key_one_time_one_secret(key: str, expires: str, secret: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(secret, key, expires, sign(SECRET, KEY, 1000), now=0)


@pytest.mark.parametrize(
    "expires", ["", " 1000", "+1000", "01000", "1000.0", "1e3", "\u0661\u0660", "-1", "9" * 13, "x"]
)
def test_only_one_way_of_writing_the_time_is_accepted(expires: str) -> None:
    with pytest.raises(BadSignature):
        verify(SECRET, KEY, expires, sign(SECRET, KEY, 1000), now=0)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é" * 64, "\udcff", "0"])
def test_nonsense_signatures_are_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        verify(SECRET, KEY, "1000", signature, now=0)


def test_an_upper_case_or_cut_signature_is_refused() -> None:
    signature = sign(SECRET, KEY, 1000)
    for changed in (signature.upper(), signature[:-1], signature + "0"):
        with pytest.raises(BadSignature):
            verify(SECRET, KEY, "1000", changed, now=0)


def test_key_and_expiry_cannot_trade_characters() -> None:
    assert sign(SECRET, "1\n2", 3) != sign(SECRET, "2", 3)
    assert sign(SECRET, "0/a", 12) != sign(SECRET, "a", 120)


def test_an_expired_url_with_a_wrong_signature_is_only_wrong() -> None:
    with pytest.raises(BadSignature):
        verify(SECRET, KEY, "1000", "0" * 64, now=5000)


def test_the_secret_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    secret = load_secret(path)
    assert len(secret) == 32
    assert load_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["secret"]


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from serve_app.storage.signing import load_secret; "
        "sys.stdin.read(1); print(load_secret(Path(sys.argv[1])).hex())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "secret")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("x")
        process.stdin.flush()
    answers = {process.communicate()[0] for process in started}
    assert answers == {(tmp_path / "secret").read_bytes().hex() + "\n"}


def test_a_damaged_secret_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(StorageMisconfigured, match="holds 5 bytes, expected 32"):
        load_secret(tmp_path / "secret")


def test_urls_are_signed_for_their_time(local: LocalStorage) -> None:
    signed = local.url(KEY, ttl_s=60, now=1000.9)
    assert signed.expires_at.timestamp() == 1060
    path, _, query = signed.url.partition("?")
    assert path == f"/v1/files/{KEY}"
    values = dict(pair.split("=") for pair in query.split("&"))
    assert local.verify(KEY, values["expires"], values["signature"], now=1059) == 1060


def test_two_stores_do_not_accept_each_others_urls(local: LocalStorage, tmp_path: Path) -> None:
    other = LocalStorage(local.config.model_copy(update={"path": str(tmp_path / "other")}))
    query = other.url(KEY, ttl_s=60, now=0).url.partition("?")[2]
    values = dict(pair.split("=") for pair in query.split("&"))
    with pytest.raises(BadSignature):
        local.verify(KEY, values["expires"], values["signature"], now=0)
