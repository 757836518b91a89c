"""One S3 request: bounded in time, retried while that may help, its failure told apart.

boto3's timeouts bound a socket operation, not a call, and its own retries hide that an earlier attempt may
have written. So boto3 makes one attempt; each runs in a bounded pool of threads, the caller waits for it no
longer than its deadline, and the retries are here.
"""

import itertools
import logging
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from serve_app.addresses import is_local_url
from serve_app.config import S3StorageConfig
from serve_app.errors import StorageMisconfigured, StorageUnavailable
from serve_app.storage.s3_errors import Retryable, classify

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CALLS_AT_ONCE = 32
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0  # upper ends; the pauses are drawn below them

T = TypeVar("T")
log = logging.getLogger("continuo.storage")


class S3Calls:
    """A boto3 client whose calls end at a deadline (in seconds of time.monotonic)."""

    def __init__(self, config: S3StorageConfig) -> None:
        self.config = config
        self.client = _client(config)
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="s3")

    def deadline(self) -> float:
        """The end of a call that begins now."""
        return time.monotonic() + self.config.deadline_s

    def __call__(self, operation: str, deadline: float, **params: Any) -> Any:
        """Call a method of the client for the configured bucket; see `run` for what it raises."""
        method = getattr(self.client, operation)
        return self.run(operation, lambda: method(Bucket=self.config.bucket, **params), deadline)

    def run(self, operation: str, attempt: Callable[[], T], deadline: float) -> T:
        """Make attempts until one succeeds or the deadline is too near.

        Raises Taken, ObjectMissing, StorageMisconfigured, StorageFull, StorageUnavailable.
        """
        failure: Exception | None = None
        for made in itertools.count(1):
            try:
                return self._bounded(operation, attempt, deadline)
            except StorageUnavailable as late:
                if failure is None:
                    raise
                raise StorageUnavailable(f"{late}; before: {failure}") from None
            except (BotoCoreError, ClientError, HTTPError, OSError, Retryable) as error:
                failure = classify(error, self.config.bucket)
            if not isinstance(failure, Retryable):
                raise failure
            pause_s = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**made))
            if time.monotonic() + pause_s >= deadline:
                raise StorageUnavailable(f"object storage, {operation}: {failure}; {made} attempts were made")
            log.info("object storage, %s: %s; attempt %d", operation, failure, made + 1)
            time.sleep(pause_s)
        raise AssertionError("unreachable")

    def _bounded(self, operation: str, attempt: Callable[[], T], deadline: float) -> T:
        future = self._threads.submit(attempt)
        try:
            return future.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            if future.done():  # the attempt's own
                raise
        # under way it ends by the socket timeouts; what it may still write is content-addressed
        began = not future.cancel()
        reason = "no answer" if began else f"all {CALLS_AT_ONCE} connections are busy"
        raise StorageUnavailable(f"object storage, {operation}: {reason} within {self.config.deadline_s:g} s")

    def close(self) -> None:
        """Give back connections and threads; attempts under way end by the socket timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.client.close()


def _client(config: S3StorageConfig) -> "S3Client":
    try:
        client: S3Client = boto3.session.Session().client(
            "s3",
            region_name=config.region,
            endpoint_url=config.endpoint_url,
            config=Config(
                signature_version="s3v4",
                connect_timeout=config.connect_timeout_s,
                read_timeout=config.read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": 1},
                max_pool_connections=CALLS_AT_ONCE,
                # None: those of the environment; a server on this machine is never behind a proxy
                proxies={} if is_local_url(config.endpoint_url or "") else None,
                request_checksum_calculation=config.checksums,
                response_checksum_validation=config.checksums,
                s3={"addressing_style": config.addressing_style},
            ),
        )
        return client
    except ValueError:
        raise StorageMisconfigured(
            "object storage: storage.endpoint_url or storage.region is not valid; expected for instance "
            "http://host:port, or no endpoint_url for AWS"
        ) from None
