"""The application as Ray is given it: what it is built of, and what makes Ray restart it."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from serve_app.config import Limits, parse_args
from serve_app.errors import ConfigError
from tests.commands.support import run
from tests.support.service import Json, entry


@pytest.fixture(scope="module")
def app() -> Any:
    """The builder's module; Ray warns about itself when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import serve_app.app
    return serve_app.app


def args(*models: Json, **more: Any) -> Json:
    return {"auth": {"mode": "keys"}, "models": list(models) or [entry("tone")], **more}


def built(app: Any, args: Json) -> Any:
    """The deployments, by name."""
    from ray.serve._private.build_app import build_app

    return {item.name: item for item in build_app(app.build(args), name="continuo").deployments}


def test_parts_come_before_the_model_that_is_composed_with_them(app: Any) -> None:
    entries = parse_args(args(models=[entry("a", parts={"x": "b"}), entry("b", parts={"y": "c"}), entry("c")])).models
    assert [item.name for item in app.in_order(entries)] == ["c", "b", "a"]
    circle = parse_args(args(models=[entry("a", parts={"x": "b"}), entry("b", parts={"x": "a"})])).models
    with pytest.raises(ConfigError, match="circle: a, b"):
        app.in_order(circle)


def test_each_model_has_a_handle_of_its_own_whatever_its_name(app: Any) -> None:
    names = ["a-b", "a.b", "a_b", "a--b"]
    _, handles = built(app, args(*map(entry, names)))["ingress"].init_args
    assert {name: handle.deployment_name for name, handle in handles.items()} == {name: name for name in names}


def test_the_ingress_is_given_limits_and_retention_as_user_config(app: Any) -> None:
    given = args(limits={"queued_jobs": 7}, retention={"jobs_s": 5})
    assert built(app, given)["ingress"].user_config == {
        "limits": Limits(queued_jobs=7).model_dump(),
        "retention": parse_args(given).retention.model_dump(),
    }


def test_the_ingress_stays_on_the_head(app: Any) -> None:
    """Where it is not said otherwise: `deployments: [{name: ingress, ray_actor_options: {...}}]`."""
    from ray._common.constants import HEAD_NODE_RESOURCE_NAME

    options = built(app, args())["ingress"].ray_actor_options
    assert (options["num_cpus"], list(options["resources"])) == (0, [HEAD_NODE_RESOURCE_NAME])


def rendered(folder: Path, **more: Any) -> Json:
    """The application of the file for `serve deploy`."""
    file = folder / "c.yaml"
    application = {"import_path": "serve_app.app:build", "args": {"models": [entry("tone")], **more}}
    file.write_text(yaml.safe_dump({"applications": [application]}))
    [shown] = yaml.safe_load(run("config", "render", "--config", str(file)).stdout)["applications"]
    return dict(shown)


def version(application: Json) -> str:
    """What Ray compares to see whether every replica must be replaced."""
    from ray.serve._private.deploy_utils import get_app_code_version
    from ray.serve.schema import ServeApplicationSchema

    return str(get_app_code_version(ServeApplicationSchema.model_validate(application)))


@pytest.mark.usefixtures("app")
def test_other_limits_are_no_other_version_to_ray(tmp_path: Path) -> None:
    first = rendered(tmp_path)
    other = rendered(tmp_path, limits={"body_bytes": 2048}, retention={"jobs_s": 60})
    assert first["deployments"] != other["deployments"]
    assert version(first) == version(other)
    assert version(first) != version(rendered(tmp_path, log_level="DEBUG"))
    in_args = {**other, "args": {**other["args"], "limits": {"body_bytes": 2048}}}
    assert version(other) != version(in_args)  # why they stand apart
