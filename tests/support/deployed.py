"""What `serve deploy` does, in a process: for each Serve config file (a JSON line of stdin) the replicas that then run.

`python -m tests.support.deployed HOME [PORT]` starts Ray and Serve's controller, with a PORT behind HAProxy there, and
ends them when stdin does.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from serve_app.config import parse_args
from serve_app.launch.ports import free_ports
from serve_app.launch.ray_processes import production_environment, ray_environment
from serve_app.launch.scratch import scratch_folder
from serve_app.launch.service import Launch, start_ray


def replicas(client: Any) -> dict[str, list[str]]:
    """Ids of the replicas of each deployment, once the application runs."""
    while True:
        [application] = client.get_serve_details()["applications"].values()
        if application["status"] in ("RUNNING", "DEPLOY_FAILED"):
            break
        time.sleep(0.2)
    assert application["status"] == "RUNNING", application["message"]
    return {
        name: sorted(replica["replica_id"] for replica in deployment["replicas"])
        for name, deployment in application["deployments"].items()
    }


def main(home: Path, port: int = 0) -> None:
    """Answer each line of stdin."""
    args = parse_args({"models": [{"name": "tone", "model": "deployments.tone:Tone"}]})
    os.environ.update(ray_environment(args, home / "log.jsonl"))
    import ray
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    with scratch_folder() as scratch:
        try:
            if port:
                os.environ.update(production_environment(scratch, "127.0.0.1", port, free_ports(4, port)))
            start_ray(args, Launch({}, port=port, production=bool(port)), scratch)
            client = _get_global_client()
            print("up", flush=True)
            for line in sys.stdin:
                client.deploy_apps(ServeDeploySchema.model_validate(json.loads(line)))
                print(json.dumps(replicas(client)), flush=True)
        finally:
            ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
