"""What an S3 server's refusal or silence means: one exception per reaction.

No message holds a URL or a credential.
"""

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from serve_app.errors import StorageFull, StorageMisconfigured

_RETRY_CODES = {
    "BadDigest",  # the body was damaged on its way
    "ConditionalRequestConflict",
    "IncompleteBody",
    "InternalError",
    "OperationAborted",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "XAmzContentSHA256Mismatch",
}
_FULL_CODES = {"QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull"}
_MISSING_CODES = {"NoSuchKey", "NoSuchUpload", "NoSuchCORSConfiguration", "NotFound", "404"}
_CREDENTIAL_CODES = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "401"}
_REGION_CODES = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "301",
}
_SILENCES: dict[type[Exception], str] = {
    ConnectTimeoutError: "no connection within storage.connect_timeout_s",
    ReadTimeoutError: "no answer within storage.read_timeout_s",
    EndpointConnectionError: "the endpoint refuses connections or is unknown (storage.endpoint_url)",
    SSLError: "TLS failed",
    ResponseParserError: "the answer is not S3's (storage.endpoint_url)",
    CredentialRetrievalError: "the source of the credentials does not answer",
}
_TRANSIENT = (HTTPClientError, ConnectionError, IncompleteReadError, *_SILENCES)


class Retryable(Exception):
    """Try again: it may go better, and a write may have succeeded without its reply."""


class Taken(Exception):
    """412: there is an object under this key, possibly the one that an earlier attempt wrote."""


class ObjectMissing(Exception):
    """404: no object, no upload of this name; or no such setting of the bucket."""


class Unsupported(StorageMisconfigured):
    """501: the server does not know this request."""


def classify(error: Exception, bucket: str) -> Exception:
    """The exception to react to: Retryable, Taken, ObjectMissing, or one that goes out to the caller."""
    if isinstance(error, ClientError):
        reply = error.response
        status = int(reply.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _refusal(status, str(reply.get("Error", {}).get("Code", "")), bucket)
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return StorageMisconfigured(
            "object storage: no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or another source that boto3 knows"
        )
    if isinstance(error, ParamValidationError):
        return StorageMisconfigured(f"object storage: '{bucket}' is not a valid bucket name (storage.bucket)")
    if isinstance(error, Retryable):
        return error
    if not isinstance(error, BotoCoreError) or isinstance(error, _TRANSIENT):
        return Retryable(_silence(error))
    return StorageMisconfigured(f"object storage: boto3 refused the request ({type(error).__name__})")


def _refusal(status: int, code: str, bucket: str) -> Exception:  # noqa: PLR0911 - a table of reactions
    if status == 412 or code == "PreconditionFailed":
        return Taken()
    if code == "NoSuchBucket":
        return StorageMisconfigured(f"object storage: there is no bucket '{bucket}' (storage.bucket)")
    if code in _MISSING_CODES:
        return ObjectMissing()
    if status == 507 or code in _FULL_CODES:
        return StorageFull("object storage has no room left, or the quota is used up")
    if status == 501:
        return Unsupported("object storage: the server does not know a request that is needed (501)")
    if status >= 500 or status in (408, 429) or code in _RETRY_CODES:
        return Retryable(f"answered {status} {_printable(code)}".rstrip())
    return StorageMisconfigured(_advice(status, code, bucket))


def _advice(status: int, code: str, bucket: str) -> str:
    if code == "RequestTimeTooSkewed":
        return "object storage: this machine's clock is wrong (RequestTimeTooSkewed)"
    if code in _REGION_CODES:
        return f"object storage: bucket '{bucket}' is not in the region that storage.region names"
    if code in _CREDENTIAL_CODES:
        return f"object storage: the credentials are not valid ({_printable(code)})"
    if status in (401, 403):
        return (
            f"object storage: access to bucket '{bucket}' is denied; the credentials must be valid "
            "and allow GetObject, PutObject, DeleteObject and ListBucket"
        )
    return f"object storage: the server refused a request: {status} {_printable(code)}".rstrip()


def _silence(error: Exception) -> str:
    return next((text for kind, text in _SILENCES.items() if isinstance(error, kind)), "the connection broke")


def _printable(code: str) -> str:
    return code if re.fullmatch(r"[A-Za-z0-9]{1,60}", code) else ""
