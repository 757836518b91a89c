import asyncio
import json
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook, WebhookVerificationError

from serve_app import config
from serve_app.errors import Invalid
from serve_app.notify.webhooks import (
    Due,
    Webhooks,
    new_secret,
    next_due_s,
    retry_after_s,
    secret_of,
    sign,
    take_due,
)
from serve_app.records.database import Database
from serve_app.records.leases import enter, free
from serve_app.records.tables import deliveries
from tests.notify.test_outbound import Receiver, answer, answers_in_turn

pytestmark = pytest.mark.anyio

BODY = json.dumps({"id": "job_1", "status": "succeeded", "prompt": "Glöckchen"}).encode()
LOOPBACK = config.Webhooks(allow=("127.0.0.0/8", "::1/128"), allow_http=True)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def database(database: Database) -> Database:
    """With the processes of these tests as holders."""
    for holder in ("holder_test", "holder_a", "holder_b"):
        database.write_now(enter, holder, 3600.0)
    return database


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().listening() as listening:
        yield listening


def deliveries_of(connection: sa.Connection, job_id: str) -> list[dict[str, Any]]:
    query = sa.select(deliveries).where(deliveries.c.job_id == job_id).order_by(deliveries.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


async def planned(database: Database, url: str) -> str:
    return await database.write(Webhooks.plan, "job_1", "ada", "completed", url)


async def shown(database: Database) -> dict[str, Any]:
    [delivery] = await database.read(deliveries_of, "job_1")
    return delivery


async def due(database: Database) -> list[Due]:
    """Every delivery that has not ended, claimed as if its time had come."""
    await database.write(lambda c: c.execute(sa.update(deliveries).values(next_at=0.0)))
    return await database.write(take_due, "holder_test", 10)


async def tried(database: Database, webhooks: Webhooks, delivery_id: str) -> float | None:
    """Try a delivery that is due once."""
    claimed = {item.id: item for item in await due(database)}
    return await webhooks.attempt(claimed[delivery_id], BODY)


async def test_the_published_verifier_accepts_a_delivery_and_nothing_else(
    database: Database, receiver: Receiver
) -> None:
    delivery_id = await planned(database, receiver.url())
    assert (await shown(database))["status"] == "pending"
    assert await tried(database, Webhooks(database, LOOPBACK), delivery_id) is None
    [(headers, body)] = receiver.requests
    verifier = Webhook(await secret_of(database, "ada"))
    assert verifier.verify(body, headers)["prompt"] == "Glöckchen"
    assert headers["webhook-id"] == delivery_id
    assert headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        verifier.verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(await secret_of(database, "bob")).verify(body, headers)
    delivery = await shown(database)
    assert (delivery["status"], len(delivery["tries"]), delivery["tries"][-1]["status_code"]) == ("delivered", 1, 200)
    assert "error" not in delivery["tries"][-1]
    assert delivery["next_at"] is None


async def test_a_replayed_message_is_refused_by_its_time() -> None:
    secret = new_secret()
    with pytest.raises(WebhookVerificationError, match="too old"):
        Webhook(secret).verify(BODY, sign(secret, "msg_1", int(time.time()) - 301, BODY))


async def test_a_receiver_that_holds_two_secrets_can_rotate() -> None:
    old, new = new_secret(), new_secret()
    headers = sign(new, "msg_1", int(time.time()), BODY)
    headers["webhook-signature"] += (
        " " + sign(old, "msg_1", int(headers["webhook-timestamp"]), BODY)["webhook-signature"]
    )
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers) == json.loads(BODY)


async def test_a_failed_try_is_repeated_under_the_same_id_until_it_is_delivered(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = [answer(500), answer(503), answer(204)]
    webhooks = Webhooks(database, LOOPBACK)
    delivery_id = await planned(database, receiver.url())
    for expected_s in (5, 30):
        wait_s = await tried(database, webhooks, delivery_id)
        assert wait_s is not None
        assert wait_s == pytest.approx(expected_s, rel=0.2)
        delivery = await shown(database)
        assert delivery["status"] == "pending"
        assert delivery["next_at"] == pytest.approx(time.time() + wait_s, abs=5)
    assert await tried(database, webhooks, delivery_id) is None
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {delivery_id}
    delivery = await shown(database)
    assert delivery["status"] == "delivered"
    assert [entry["status_code"] for entry in delivery["tries"]] == [500, 503, 204]
    assert await due(database) == []  # what is delivered is not sent again
    assert len(receiver.requests) == 3


async def test_the_schedule_lasts_about_a_day_and_then_the_delivery_fails(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = [answer(500)]
    settings = LOOPBACK.model_copy(update={"retry_s": (0.0, 0.0)})
    webhooks = Webhooks(database, settings)
    delivery_id = await planned(database, receiver.url())
    assert [await tried(database, webhooks, delivery_id) for _ in range(3)] == [0.0, 0.0, None]
    assert (await shown(database))["status"] == "failed"
    assert 18 * 3600 < sum(config.Webhooks().retry_s) < 30 * 3600


async def test_a_receiver_that_is_gone_is_not_tried_again(database: Database, receiver: Receiver) -> None:
    receiver.answers = [answer(410)]
    assert await tried(database, Webhooks(database, LOOPBACK), await planned(database, receiver.url())) is None
    delivery = await shown(database)
    assert (delivery["status"], delivery["tries"][-1]["status_code"]) == ("failed", 410)


async def test_a_redirect_is_a_failed_try(database: Database, receiver: Receiver) -> None:
    receiver.answers = [answer(307, "Location: http://169.254.169.254/")]
    assert await tried(database, Webhooks(database, LOOPBACK), await planned(database, receiver.url()))
    assert receiver.connections == 1
    assert "redirect" in (await shown(database))["tries"][-1]["error"]


async def test_a_slow_receiver_is_tried_again_and_what_it_says_is_cut_and_not_kept(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = [None, answer(500, body=b"secret page " * 100_000)]
    webhooks = Webhooks(database, LOOPBACK.model_copy(update={"timeout_s": 0.3}))
    delivery_id = await planned(database, receiver.url())
    assert await tried(database, webhooks, delivery_id) == pytest.approx(5, rel=0.2)
    assert "no complete answer within 0.3 s" in (await shown(database))["tries"][-1]["error"]
    assert await tried(database, webhooks, delivery_id)
    assert "secret page" not in json.dumps(await shown(database))


async def test_a_receiver_may_ask_for_more_time_up_to_an_hour(database: Database, receiver: Receiver) -> None:
    receiver.answers = [answer(429, "Retry-After: 90"), answer(503, "Retry-After: 999999")]
    webhooks = Webhooks(database, LOOPBACK)
    delivery_id = await planned(database, receiver.url())
    assert await tried(database, webhooks, delivery_id) == 90
    assert await tried(database, webhooks, delivery_id) == 3600


@pytest.mark.parametrize(
    ("header", "expected_s"),
    [
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("7", 7),
        ("9" * 400, 3600),
        (formatdate(1060, usegmt=True), 60),
    ],
)
async def test_retry_after_is_a_number_or_a_date(header: str | None, expected_s: float) -> None:
    assert retry_after_s(header, 1000.0) == expected_s


async def test_an_address_that_turned_private_fails_at_once_and_gets_no_connection(
    database: Database,
) -> None:
    resolve, _ = answers_in_turn(["93.184.215.14"], ["127.0.0.1"])
    async with Receiver().listening() as canary:
        webhooks = Webhooks(database, config.Webhooks(allow_http=True), resolve)
        url = canary.url("rebind.example")
        await webhooks.check_url(url)
        assert await tried(database, webhooks, await planned(database, url)) is None
    assert canary.connections == 0
    delivery = await shown(database)
    assert delivery["status"] == "failed"
    assert delivery["tries"][-1]["error"] == "blocked: the host must resolve to public addresses only"


async def test_a_private_url_is_refused_when_the_job_names_it(database: Database) -> None:
    with pytest.raises(Invalid) as refused:
        await Webhooks(database, config.Webhooks()).check_url("https://169.254.169.254/latest")
    assert refused.value.errors[0]["pointer"] == "/webhook/url"


async def test_a_try_whose_delivery_was_removed_meanwhile_writes_nothing(
    database: Database, receiver: Receiver
) -> None:
    await planned(database, receiver.url())
    [claimed] = await due(database)
    await database.write(lambda c: c.execute(sa.delete(deliveries)))
    assert await Webhooks(database, LOOPBACK).attempt(claimed, BODY) is None


async def test_a_delivery_is_claimed_by_one_process_and_waits_for_its_time(
    database: Database, receiver: Receiver
) -> None:
    receiver.answers = [answer(500)]
    await planned(database, receiver.url())
    [mine] = await database.write(take_due, "holder_a", 10)
    assert await database.write(take_due, "holder_b", 10) == []
    assert await database.read(next_due_s) is None
    await database.write(lambda c: free(c, ["holder_a"], "ingress_lost"))  # its process died
    [theirs] = await database.write(take_due, "holder_b", 10)
    assert (theirs.id, theirs.claim) == (mine.id, mine.claim + 1)
    await Webhooks(database, LOOPBACK).attempt(theirs, BODY)
    assert len((await shown(database))["tries"]) == 1
    await Webhooks(database, LOOPBACK).attempt(mine, BODY)  # the dead one wakes up: it has sent, and writes nothing
    assert len((await shown(database))["tries"]) == 1
    assert await database.write(take_due, "holder_b", 10) == []
    wait_s = await database.read(next_due_s)
    assert wait_s is not None
    assert 3 < wait_s < 7


async def test_deliveries_of_a_job_come_in_the_order_of_their_planning(database: Database) -> None:
    made = [await planned(database, f"https://hooks.example/{index}") for index in range(5)]
    assert [d["id"] for d in await database.read(deliveries_of, "job_1")] == made
    assert await database.read(deliveries_of, "job_2") == []


async def test_callers_at_the_same_time_get_one_secret(database: Database) -> None:
    other = Database(database.url)  # as another process would have it
    try:
        found = await asyncio.gather(*(secret_of((database, other)[i % 2], "ada") for i in range(16)))
    finally:
        other.close()
    assert len(set(found)) == 1
    assert found[0].startswith("whsec_")
    assert await secret_of(database, "bob") != found[0]
