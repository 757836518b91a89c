"""`continuo speak`: a text is spoken into a file, or heard while it is made."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated, Any, get_args

import httpx
import typer

from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, path
from serve_app.commands.making.generate import follow, format_of, made_by, measured, refuse_unwritable, save
from serve_app.commands.terminal import fail, note, print_line
from serve_app.deliver.formats import Format
from serve_app.errors import ConfigError

PCM_HZ = 24_000  # of `pcm` on the OpenAI route
# Players that take what we have, signed 16 bit little-endian, one channel, from their standard input.
PLAYERS: Sequence[tuple[str, ...]] = (
    ("ffplay", "-loglevel", "error", "-nodisp", "-autoexit", "-f", "s16le", "-ar", f"{PCM_HZ}", "-i", "-"),
    ("mpv", "--really-quiet", "--demuxer=rawaudio", "--demuxer-rawaudio-channels=1",
     f"--demuxer-rawaudio-rate={PCM_HZ}", "--demuxer-rawaudio-format=s16le", "-"),
    ("pw-play", "--raw", "--format=s16", f"--rate={PCM_HZ}", "--channels=1", "-"),
    ("paplay", "--raw", "--format=s16le", f"--rate={PCM_HZ}", "--channels=1"),
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", f"{PCM_HZ}", "-c", "1"),
    ("play", "-q", "-t", "raw", "-e", "signed", "-b", "16", "-r", f"{PCM_HZ}", "-c", "1", "-"),
)  # fmt: skip


def speak(  # noqa: PLR0913 - an option each
    text: Annotated[str, typer.Argument(help="What shall be said; `-` reads standard input.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A file; its ending sets the format. `-`: mp3 to stdout.")
    ] = None,
    voice: Annotated[str | None, typer.Option(help="A name of `continuo voices`.")] = None,
    model: Annotated[str, typer.Option(help="A name of `continuo models`, or auto.")] = "auto",
    language: Annotated[str | None, typer.Option(help="BCP 47; that of the voice if absent.")] = None,
    speed: Annotated[float | None, typer.Option(help="How many times as fast as usual.")] = None,
    play: Annotated[bool, typer.Option("--play", help="Hear it while it is made.")] = False,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Speak a text: into a file, to a player, or to where its URL says."""
    said = _read(text)
    wanted = {"input": said, "voice": voice, "language": language, "speed": speed}
    given = {name: value for name, value in wanted.items() if value is not None}
    to_stdout = output is not None and str(output) == "-"
    if to_stdout and play:
        raise ConfigError("--play and -o - both want the sound as it comes; give one of them")
    if output is not None and not to_stdout:
        given_format = format_of(output, get_args(Format))
        refuse_unwritable(output)
    with client(url) as http:
        if play:
            with _player() as player:
                _stream(http, {**given, "model": model, "response_format": "pcm"}, player)
        if to_stdout:
            _stream(http, {**given, "model": model, "response_format": "mp3"}, sys.stdout.buffer)
        elif output is not None:
            _make(http, model, {**given, "format": given_format}, output)
        elif not play:
            _make(http, model, given, None)


def _read(text: str) -> str:
    if text != "-":
        return text
    if sys.stdin.isatty():
        note("type what shall be said, and end it with Ctrl-D")
    return sys.stdin.read()


def _make(http: httpx.Client, model: str, given: dict[str, Any], output: Path | None) -> None:
    """A job, followed with a progress bar; its sound in a file, or its URL."""
    # The seed is that of /v1/audio/speech, so that what was heard there is found in storage.
    body = {"model": model, "input": {"seed": 0, **given}}
    answer = http.post(path("jobs"), json=body, headers={"Prefer": "respond-async"})
    job = made_by(follow(http, checked(answer, "id", "status")))
    made = job["outputs"][0]
    if output is not None:
        save(made["url"], output)
    print_line(str(output) if output else made["url"])
    note(f"{measured(made)}, {job['input'].get('voice', '')} ({job['model_used']})")
    if unspoken := (job.get("facts") or {}).get("unspoken"):
        note(f"could not be spoken: {' '.join(unspoken['characters'])}")


def _stream(http: httpx.Client, body: dict[str, Any], to: IO[bytes]) -> None:
    """Write a sound as it comes; whoever has enough of it ends the work."""
    with http.stream("POST", path("audio", "speech"), json=body) as reply:
        if not reply.is_success or not reply.headers.get("content-type", "").startswith("audio/"):
            reply.read()
            checked(reply, "nothing that a sound has")
        with suppress(BrokenPipeError):
            for data in reply.iter_raw():
                to.write(data)
                to.flush()


@contextmanager
def _player() -> Iterator[IO[bytes]]:
    """Standard input of a player, which has played all of it when the block ends."""
    found = next((words for words in PLAYERS if shutil.which(words[0])), None)
    if found is None:
        raise ConfigError(f"no player is installed ({', '.join(words[0] for words in PLAYERS)}); use -o FILE")
    # Its own session, so that Ctrl-C reaches us first, and the job is stopped as well.
    player = subprocess.Popen(found, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
    assert player.stdin is not None
    try:
        yield player.stdin
        with suppress(BrokenPipeError):
            player.stdin.close()
        if player.wait() != 0:
            raise fail(f"the player {found[0]} ended with status {player.returncode}")
    finally:
        if player.poll() is None:
            player.kill()
            player.wait()
