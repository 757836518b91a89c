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
from datetime import datetime
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
        session = boto3.session.Session()
        self.client = _client(session, config, config.endpoint_url)
        public = config.public_endpoint_url
        self.signer = _client(session, config, public) if public else self.client  # which signs for what clients see
        self._credentials = session.get_credentials()
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

    def credentials_end(self) -> datetime | None:
        """When the credentials in use end, and with them what they signed; None for lasting ones.

        botocore has no public name for it; tests/storage/test_s3_moto.py fails should it find another.
        """
        ends: datetime | None = getattr(self._credentials, "_expiry_time", None)
        return ends

    def close(self) -> None:
        """Give back connections and threads; attempts under way end by the socket timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in {self.client, self.signer}:
            client.close()


def _client(session: boto3.session.Session, config: S3StorageConfig, endpoint_url: str | None) -> "S3Client":
    try:
        client: S3Client = session.client(
            "s3",
            region_name=config.region,
            endpoint_url=endpoint_url,
            config=Config(
                signature_version="s3v4",
                connect_timeout=config.connect_timeout_s,
                read_timeout=config.read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": 1},
                max_pool_connections=CALLS_AT_ONCE,
                # None: those of the environment; a server on this machine is never behind a proxy
                proxies={} if is_local_url(endpoint_url or "") else None,
                request_checksum_calculation=config.checksums,
                response_checksum_validation=config.checksums,
                s3={"addressing_style": config.addressing_style},
            ),
        )
        return client
    except ValueError:
        raise StorageMisconfigured(
            "object storage: storage.endpoint_url, public_endpoint_url or region is not valid; expected for instance "
            "http://host:port, or no endpoint_url for AWS"
        ) from None
