"""The commands ``raysmith cluster ...``: compute targets from the shell."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cluster.errors import ComputeTargetException
from cluster.providers.kinds import KINDS, launcher_file
from cluster.providers.kubernetes import network_policy, problems_with, ray_cluster, ray_job
from cluster.provisioning.configuration import PRIORITIES, ProvisioningConfiguration
from cluster.targets.compute_target import AmlCompute, ComputeTarget, open_target
from cluster.targets.registry import HasFolder, names

_EXAMPLES = """examples:
  raysmith cluster create automlcl --vm-size STANDARD_D2_V2 --max-nodes 6
  raysmith cluster status automlcl
  raysmith cluster render --provider aws --vm-priority lowpriority > cluster.yaml
  raysmith cluster render --provider kubernetes --image registry/raysmith:1 | kubectl apply -f -
"""


def add_cluster_commands(commands: Any, open_workspace: Callable[[Any], HasFolder]) -> None:
    """Add ``cluster`` with its actions to a parser's subcommands.

    Parameters
    ----------
    commands:
        The result of ``ArgumentParser.add_subparsers``.
    open_workspace:
        Function from parsed options to the workspace.
    """
    parser = commands.add_parser(
        "cluster",
        help="create, show and delete compute targets",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = parser.add_subparsers(required=True, metavar="ACTION")

    create = parts.add_parser("create", help="create a compute target, or show the existing one")
    create.add_argument("name")
    _add_provisioning(create, "local")
    create.add_argument("--wait", type=int, metavar="N", help="wait until N workers are alive")
    create.set_defaults(command=lambda o: _create(open_workspace(o), o))

    status = parts.add_parser("status", help="show a compute target's state; without a name, all")
    status.add_argument("name", nargs="?")
    status.add_argument("--json", action="store_true", help="print JSON")
    status.set_defaults(command=lambda o: _status(open_workspace(o), o))

    delete = parts.add_parser("delete", help="delete a compute target and its nodes")
    delete.add_argument("name")
    delete.add_argument(
        "--force",
        action="store_true",
        help="even while runs use it, or when machines cannot be ended",
    )
    delete.set_defaults(command=lambda o: _delete(open_workspace(o), o))

    render = parts.add_parser("render", help="print the file for `ray up`, or for kubectl")
    render.add_argument("--name", default="automlcl")
    _add_provisioning(render, "azure")
    render.add_argument(
        "--image",
        help="kubernetes, required: container image with Ray and raysmith, with a tag or a digest",
    )
    render.add_argument("--entrypoint", help="kubernetes: a RayJob that runs this command")
    render.add_argument(
        "--store-secret",
        metavar="NAME",
        help="kubernetes, with --entrypoint: Secret whose key RAYSMITH_STORE is the store's URI",
    )
    render.add_argument(
        "--check",
        metavar="CRD",
        help="kubernetes: check the manifest against this CustomResourceDefinition",
    )
    render.set_defaults(command=_render)


def _add_provisioning(parser: argparse.ArgumentParser, provider: str) -> None:
    parser.add_argument("--provider", choices=tuple(KINDS), default=provider)
    parser.add_argument("--vm-size", default="STANDARD_D2_V2")
    parser.add_argument("--vm-priority", choices=PRIORITIES, default="dedicated")
    parser.add_argument("--min-nodes", type=int, default=0)
    parser.add_argument("--max-nodes", type=int, default=6)
    parser.add_argument("--idle-seconds", type=float, default=120.0)
    parser.add_argument("--region")
    parser.add_argument(
        "--hosts",
        nargs="+",
        default=(),
        help="on_prem: host names or addresses, the head node first",
    )
    parser.add_argument("--user", help="SSH user")


def _configuration(options: argparse.Namespace) -> ProvisioningConfiguration:
    return AmlCompute.provisioning_configuration(
        vm_size=options.vm_size,
        vm_priority=options.vm_priority,
        min_nodes=options.min_nodes,
        max_nodes=options.max_nodes,
        idle_seconds_before_scaledown=options.idle_seconds,
        provider=options.provider,
        region=options.region,
        hosts=options.hosts,
        admin_username=options.user,
    )


def _create(workspace: HasFolder, options: argparse.Namespace) -> int:
    target = ComputeTarget.create(workspace, options.name, _configuration(options))
    target.wait_for_completion(show_output=True, min_node_count=options.wait)
    print(f"{target.name} at {target.address}")
    return 0


def _status(workspace: HasFolder, options: argparse.Namespace) -> int:
    chosen = names(workspace) if options.name is None else [options.name]
    found = [open_target(workspace, name).serialize() for name in chosen]
    if options.json:
        print(json.dumps(found if options.name is None else found[0], indent=1))
        return 0
    for values in found:
        status = values["status"]
        counts = f"{status['current_node_count']} of {status['target_node_count']} nodes"
        line = f"{values['name']}  {status['provisioning_state']}  {status['allocation_state']}"
        print(f"{line}  {counts}  {values['address']}")
        for error in status["errors"]:
            print(f"  {error}")
    return 0


def _delete(workspace: HasFolder, options: argparse.Namespace) -> int:
    open_target(workspace, options.name).delete(force=options.force)
    return 0


def _render(options: argparse.Namespace) -> int:
    config = _configuration(options)
    if config.provider != "kubernetes":
        print(launcher_file(config.provider).render(options.name, config), end="")
        return 0
    if options.image is None:
        raise ComputeTargetException(
            "--image is needed: a container image with Ray and raysmith; there is no published one"
        )
    if options.entrypoint:
        manifest = ray_job(
            options.name,
            config,
            options.image,
            options.entrypoint,
            store_secret=options.store_secret,
        )
    else:
        manifest = ray_cluster(options.name, config, options.image)
    if options.check is None:
        both = [manifest, network_policy(options.name)]
        print(yaml.safe_dump_all(both, sort_keys=False), end="")
        return 0
    crd = yaml.safe_load(Path(options.check).read_text(encoding="utf-8"))
    problems = problems_with(manifest, crd)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise ComputeTargetException(f"{manifest['kind']} does not fit {options.check}")
    print(f"{manifest['kind']} fits {options.check}")
    return 0
