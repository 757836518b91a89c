"""Every error that a caller can meet, one class per decision that the caller can take; `problem()` is its HTTP form.

ContinuoError
|-- RequestError                      4xx: change the request
|   |-- Malformed                     400  not JSON, not even a request
|   |-- Unauthenticated               401  no key, or one that is not valid
|   |-- Forbidden                     403  a valid key without the right, a signature that does not hold
|   |   |-- BadSignature                   the file URL was not signed by us for this key
|   |   |-- Expired                        the file URL's time is over
|   |   `-- CrossSite                      a page of another site wants to change something
|   |-- QuotaExceeded                 403  the owner's files take all the room they may; delete some
|   |-- Unfinished                    409  the job whose output is meant has not ended
|   |-- NotFound                      404  no such thing, or another owner's
|   |-- MethodNotAllowed              405
|   |-- RequestTimeout                408  the body came too slowly
|   |-- SoundNotThere                 409  the job has no sound that could be heard now
|   |-- RangeNotSatisfiable           416
|   |-- Misdirected                   421  a host name that is not ours
|   |-- TooLarge                      413  body over the limit
|   |-- UnsupportedMediaType          415  not application/json
|   |-- Invalid                       422  a field is wrong; `errors` points at it
|   |   |-- UnknownModel                   no configured model has that name
|   |   |-- UnusableFile                   neither a sound nor a picture that can be read; the detail says why
|   |   `-- IdempotencyMismatch            same key, another body
|   `-- Overloaded                    429  retry after a while
|-- Unavailable                       503  retry after a while
|   |-- Draining                           the service is stopping
|   |-- ModelNotReady                      the model failed to load; the detail says why
|   |-- StorageUnavailable                 object storage does not answer
|   `-- DatabaseUnavailable                the job database does not answer
|       `-- DatabaseMisconfigured          not a database, not writable, a newer version's: an operator must act
|-- StorageFull                       507
|-- StorageMisconfigured              500  wrong bucket, wrong credentials: an operator must act
`-- JobFailed                         500  the job ran and failed; the code says how
    |-- GenerationFailed                   the model raised
    |-- UnusableAudio                      NaN, silence: the model's output was refused
    |-- UnusableImage                      one colour, no pixels, a file that cannot be opened: likewise
    |-- ResourceExhausted                  out of memory
    |-- ReplicaLost                        the model's process died three times
    |-- DeadlineExceeded              504  `deadline_s` passed
    `-- JobCanceled                   409  somebody cancelled it while the caller waited
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, get_args

if TYPE_CHECKING:  # pydantic takes 0.1 s, and HAProxy is started by a process that imports this module
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

FieldErrors = Sequence[Mapping[str, str]]

MOST_FINDINGS = 20  # in one answer
LONGEST_NAME = 64  # of a name that is compared with the known ones: a comparison costs the product of the lengths


class ConfigError(ValueError):
    """The configuration is wrong; the message names the key and the nearest valid one."""


class ContinuoError(Exception):
    """The root. `code` and `status` are stable; `detail` is for people."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str = "", errors: FieldErrors = (), retry_after_s: float | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors[:MOST_FINDINGS])
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.detail, self.errors, self.retry_after_s)


class RequestError(ContinuoError):
    """The request must be changed before it is sent again."""

    code, status, title = "bad_request", 400, "Bad request"


class Malformed(RequestError):
    """The body cannot be read at all."""

    code, status, title = "malformed", 400, "Malformed request"


class Unauthenticated(RequestError):
    """No key was given, or the given one is unknown, expired or revoked."""

    code, status, title = "unauthenticated", 401, "Authentication required"


class Forbidden(RequestError):
    """The caller is known but may not do this."""

    code, status, title = "forbidden", 403, "Forbidden"


class BadSignature(Forbidden):
    """The file URL's signature does not belong to this key and expiry."""

    code, title = "bad_signature", "Signature does not match"


class Expired(Forbidden):
    """The file URL's time is over; read the job again for a new one."""

    code, title = "expired", "URL has expired"


class CrossSite(Forbidden):
    """A page of a site that `cors_origins` does not name wants to change something."""

    code, title = "cross_site", "Request of another site"


class QuotaExceeded(RequestError):
    """The owner has as many files, or bytes in files, as they may have."""

    code, status, title = "quota_exceeded", 403, "Quota exceeded"


class Unfinished(RequestError):
    """The job whose output the request names has not ended yet."""

    code, status, title, retryable = "unfinished", 409, "Job has not ended", True


class NotFound(RequestError):
    """There is no such thing, or it belongs to another owner."""

    code, status, title = "not_found", 404, "Not found"


class MethodNotAllowed(RequestError):
    """The path exists, but not with this method."""

    code, status, title = "method_not_allowed", 405, "Method not allowed"


class RequestTimeout(RequestError):
    """The body came too slowly."""

    code, status, title, retryable = "request_timeout", 408, "Request timed out", True


class Misdirected(RequestError):
    """The Host header names a machine that this is not."""

    code, status, title = "misdirected", 421, "Misdirected request"


class TooLarge(RequestError):
    """The body is over the limit."""

    code, status, title = "too_large", 413, "Request body too large"


class UnsupportedMediaType(RequestError):
    """The body is not of a type that this route reads."""

    code, status, title = "unsupported_media_type", 415, "Unsupported media type"


class SoundNotThere(RequestError):
    """The job has no sound that could be heard now; the detail says why."""

    code, status, title = "sound_not_there", 409, "No sound to be heard"


class RangeNotSatisfiable(RequestError):
    """The asked range lies outside of the object."""

    code, status, title = "range_not_satisfiable", 416, "Range not satisfiable"


class Invalid(RequestError):
    """One or more fields are wrong; `errors` holds a JSON pointer and a sentence for each."""

    code, status, title = "invalid", 422, "Invalid request"


class UnknownModel(Invalid):
    """No configured model has the name that the request gives: to OpenAI's API another fault than a wrong field."""


class UnusableFile(Invalid):
    """The file is not what it should be: neither a sound nor a picture, broken, beyond a limit of what it opens to."""

    code, title = "unusable_file", "File cannot be used"


class IdempotencyMismatch(Invalid):
    """The Idempotency-Key was used before with another body."""

    code, title = "idempotency_mismatch", "Idempotency-Key was used with another request"


class Overloaded(RequestError):
    """The queue is full; come back after `retry_after_s`."""

    code, status, title, retryable = "overloaded", 429, "Too many requests", True


class Unavailable(ContinuoError):
    """Something that the request needs is away for now."""

    code, status, title, retryable = "unavailable", 503, "Service unavailable", True


class Draining(Unavailable):
    """The service is stopping and takes no new work."""

    code, title = "draining", "Service is stopping"


class ModelNotReady(Unavailable):
    """The model failed to load; the detail gives its reason."""

    code, title = "model_not_ready", "Model is not ready"


class StorageUnavailable(Unavailable):
    """Object storage did not answer within its deadline."""

    code, title = "storage_unavailable", "Storage is unavailable"


class DatabaseUnavailable(Unavailable):
    """The job database did not answer."""

    code, title = "database_unavailable", "Job database is unavailable"


class DatabaseMisconfigured(DatabaseUnavailable):
    """The job database cannot be used as it is; retrying helps only after an operator has acted."""

    code, title = "database_misconfigured", "Job database is misconfigured"


class StorageFull(ContinuoError):
    """There is no room for the object."""

    code, status, title, retryable = "storage_full", 507, "Insufficient storage", True


class StorageMisconfigured(ContinuoError):
    """The bucket or the credentials are wrong; retrying does not help."""

    code, title = "storage_misconfigured", "Storage is misconfigured"


class JobFailed(ContinuoError):
    """The job ran and failed."""

    code, title = "job_failed", "Job failed"


class GenerationFailed(JobFailed):
    """The model raised an error."""

    code, title = "generation_failed", "Generation failed"


class UnusableAudio(JobFailed):
    """The model's output is not a sound: NaN, silence, wrong length."""

    code, title = "unusable_audio", "Model output was refused"


class UnusableImage(JobFailed):
    """The model's output is not a picture: one single colour, wrong shape, a file that cannot be opened."""

    code, title = "unusable_image", "Model output was refused"


class ResourceExhausted(JobFailed):
    """The device has too little memory for this request."""

    code, title = "resource_exhausted", "Out of memory"


class ReplicaLost(JobFailed):
    """The model's process died under this job as often as it was tried."""

    code, title, retryable = "replica_lost", "Model process was lost", True


class DeadlineExceeded(JobFailed):
    """The job's deadline passed before it was done."""

    code, status, title = "deadline_exceeded", 504, "Deadline exceeded"


class JobCanceled(JobFailed):
    """The job was cancelled while the caller waited for it."""

    code, status, title = "canceled", 409, "Job was canceled"


def _leaves(cls: type[ContinuoError]) -> dict[str, type[ContinuoError]]:
    found = {}
    for child in cls.__subclasses__():
        found.update(_leaves(child))
    return found | {cls.code: cls}  # a class that has no code of its own travels as its parent


def from_code(code: str, detail: str, errors: FieldErrors = ()) -> ContinuoError:
    """Rebuild an error that travelled as data (from a replica, from the database)."""
    return BY_CODE.get(code, JobFailed)(detail, errors)


BY_CODE = _leaves(ContinuoError)


def problem(error: ContinuoError, *, instance: str, request_id: str) -> dict[str, Any]:
    """The RFC 9457 form of an error."""
    body: dict[str, Any] = {
        "type": f"urn:continuo:error:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "retryable": error.retryable,
    }
    if error.errors:
        body["errors"] = [dict(e) for e in error.errors]
    return body


def openai_status(error: ContinuoError) -> int:
    """The status of an error on routes of OpenAI's API, which knows no 422."""
    if isinstance(error, UnknownModel):
        return 404
    return 400 if error.status == 422 else error.status


def openai_error(error: ContinuoError) -> dict[str, Any]:
    """The OpenAI form of an error; all four members are always there."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    param = (error.errors[0]["pointer"].removeprefix("/input/").lstrip("/") or None) if error.errors else None
    code = "model_not_found" if isinstance(error, UnknownModel) else error.code
    return {"error": {"message": error.detail, "type": kind, "param": param, "code": code}}


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) from the parts of a location."""
    return "".join("/" + _shortened(str(part), 128).replace("~", "~0").replace("/", "~1") for part in location)


def field_errors(
    details: Sequence["ErrorDetails"], prefix: str, kind: "type[BaseModel] | None", also_known: Iterable[str] = ()
) -> list[dict[str, str]]:
    """pydantic's first findings about a `kind` as pointers and sentences.

    An unknown field names the nearest one of the object that it stands in; `also_known` are names at the top.
    """
    found = []
    for item in details[:MOST_FINDINGS]:
        text = item["msg"]
        if item["type"] == "extra_forbidden":
            *above, name = item["loc"]
            known = [*(_fields_at(kind, above) if kind else ()), *(() if above else also_known)]
            text = unknown_name("field", str(name), known)
        found.append({"pointer": prefix + pointer(item["loc"]), "detail": text})
    return found


def _fields_at(kind: "type[BaseModel]", location: Sequence[str | int]) -> Iterable[str]:
    """The names of the fields of the object at a location in a `kind`; an item of a list is what the list holds."""
    kinds = [kind]
    for part in location:
        fields = [item.model_fields[part] for item in kinds if part in item.model_fields]
        kinds = [inner for field in fields for inner in _models_in(field.annotation)] if fields else kinds
    return [name for item in kinds for name in item.model_fields]


def _models_in(annotation: Any) -> "list[type[BaseModel]]":
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def unknown_name(what: str, name: str, known: Sequence[str]) -> str:
    """A sentence about a name that does not exist, with the nearest ones that do."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1, cutoff=0.5) if len(name) <= LONGEST_NAME else ()
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known)[:40])}"
    return f"unknown {what} '{_shortened(name, 60)}'; {hint}"


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
