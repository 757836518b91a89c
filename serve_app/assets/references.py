"""File strings: what a field that takes a file may hold, and the asset that it means.

ast_...                      a file that was brought before
job_... | job_.../outputs/1  an output of an own job that has ended, by its place from 0 on; the first if none is named
data:audio/wav;base64,...    the file itself
https://...                  fetched once
"""

import asyncio
import re
import tempfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from serve_app.assets.assets import Assets, Kept
from serve_app.errors import Invalid, NotFound, Unfinished
from serve_app.records import job_rows
from serve_app.records.asset_rows import AssetRow
from serve_app.records.states import FINISHED

_ASSET = re.compile(r"ast_[0-9a-f]{32}")
_OUTPUT = re.compile(r"(job_[0-9a-hjkmnp-tv-z]{26})(?:/outputs/([0-9]{1,2}))?")
_DATA = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_WANTED = "expected an asset's id (ast_...), an own job's output (job_..., job_.../outputs/1), a data: or an https: URI"


async def resolved(
    assets: Assets, owner: str, given: Mapping[str, Any], files: Mapping[str, str], prefix: str
) -> dict[str, Any]:
    """`given` with an asset's id for each file string; `files` maps fields to the kind that they take.

    Raises Invalid with a pointer below `prefix`, NotFound for what the owner has not, Unfinished.
    """
    found = dict(given)
    for name, kind in files.items():
        value = given.get(name)
        if isinstance(value, str):
            found[name] = (await resolve(assets, owner, value, kind, f"{prefix}/{name}")).id
    return found


async def resolve(assets: Assets, owner: str, value: str, kind: str, pointer: str) -> AssetRow:
    """The file that a string means, stored, and kept for its whole time from now on."""
    with assets.receiving(owner):
        row = await _found(assets, owner, value, pointer)
    if row.kind != kind:
        detail = f"the file is of kind {row.kind} ({row.media_type}); {kind} is needed"
        raise Invalid(f"{pointer}: {detail}", [{"pointer": pointer, "detail": detail}])
    return row


async def _found(assets: Assets, owner: str, value: str, pointer: str) -> AssetRow:
    if _ASSET.fullmatch(value):
        return await assets.use(owner, value)
    if (output := _OUTPUT.fullmatch(value)) is not None:
        return (await _output(assets, owner, output[1], int(output[2] or 0), pointer)).row
    if (data := _DATA.match(value)) is not None:
        return (await assets.store_base64(owner, value[data.end() :], pointer)).row
    if value.lower().startswith(("https:", "http:")):
        return (await assets.fetch(owner, value, pointer)).row
    raise _no_file(pointer)


async def read_into(assets: Assets, owner: str, value: str, file: BinaryIO, pointer: str) -> None:
    """Write the bytes that a string means, of which nothing is kept. Raises as `resolve`."""
    with assets.receiving(owner):
        if _ASSET.fullmatch(value):
            row = await assets.use(owner, value)
            await asyncio.to_thread(_copy, assets, row.key, row.sha256, file)
        elif (output := _OUTPUT.fullmatch(value)) is not None:
            await _copy_output(assets, owner, output[1], int(output[2] or 0), file, pointer)
        elif (data := _DATA.match(value)) is not None:
            await asyncio.to_thread(file.write, await assets.decoded(value[data.end() :], pointer))
        elif value.lower().startswith(("https:", "http:")):
            await assets.download(value, file, pointer)
        else:
            raise _no_file(pointer)


def names_a_file(value: str) -> bool:
    """Whether a string is of one of these forms."""
    return any(form.match(value) for form in (_ASSET, _OUTPUT)) or value.lower().startswith(
        ("data:", "https:", "http:")
    )


def _no_file(pointer: str) -> Invalid:
    return Invalid(f"{pointer}: this names no file", [{"pointer": pointer, "detail": f"this names no file; {_WANTED}"}])


async def _output(assets: Assets, owner: str, job_id: str, place: int, pointer: str) -> Kept:
    """An output becomes a file of its own, which stays when its job is deleted."""
    with tempfile.TemporaryFile() as file:
        await _copy_output(assets, owner, job_id, place, file, pointer)
        return await assets.store(owner, file, pointer)


async def _copy_output(assets: Assets, owner: str, job_id: str, place: int, file: BinaryIO, pointer: str) -> None:
    row = await assets.database.read(job_rows.get_job, job_id, owner)
    if row is None:
        raise NotFound(f"there is no job '{job_id}'")
    if row.status not in FINISHED:
        raise Unfinished(f"{pointer}: job '{job_id}' is {row.status}; its outputs are there when it has succeeded")
    if place >= len(row.outputs):
        detail = f"job '{job_id}' ({row.status}) has {len(row.outputs)} outputs, counted from 0"
        raise Invalid(f"{pointer}: {detail}", [{"pointer": pointer, "detail": detail}])
    output = row.outputs[place]
    await asyncio.to_thread(_copy, assets, output["key"], output["sha256"], file)


def _copy(assets: Assets, key: str, sha256: str, file: BinaryIO) -> None:
    with assets.storage.open(key, sha256) as reader:
        file.writelines(reader.pieces())
