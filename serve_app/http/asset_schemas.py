"""What `/v1/assets` takes and gives."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from deployments.contract import Frozen

_ASSET_CURSOR = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?_ast_[0-9a-f]{32}")


class AssetRequest(Frozen):
    """A file to be kept: its bytes in base64, or where it can be fetched; one of the two."""

    model_config = ConfigDict(strict=True)
    data: str | None = Field(default=None, min_length=1, description="The file in base64.")
    url: str | None = Field(default=None, min_length=1, max_length=2000, description="https only; fetched once.")


class Asset(BaseModel):
    """A file that the caller has brought. Each use of it moves `expires_at` on."""

    id: str
    kind: Literal["audio", "image"]
    media_type: str = Field(description="By its content, whatever it was called.")
    bytes: int
    sha256: str
    duration_s: float | None = Field(default=None, description="Of a sound, as the next two; of a picture absent.")
    sample_rate_hz: int | None = None
    channels: int | None = None
    width: int | None = Field(default=None, description="Of a picture as it is to be shown, in pixels.")
    height: int | None = None
    created_at: str
    expires_at: str


class AssetList(BaseModel):
    """A page of files, newest first; `next` is the cursor of the next page or null."""

    results: list[Asset]
    next: str | None


def _asset_cursor(text: str) -> str:
    if not _ASSET_CURSOR.fullmatch(text):
        raise PydanticCustomError("cursor", "this is no cursor; give the `next` of a page")
    return text


class AssetQuery(Frozen):
    """The caller's files, in pages."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: Annotated[str, AfterValidator(_asset_cursor)] | None = Field(default=None, max_length=64)
