"""examples/05-kubernetes: manifests whose numbers fit each other and the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from wsgicontainer.options import Options, settings_from
from wsgicontainer.settings.sites import probe_paths

OURS = [sys.executable, "-m", "wsgicontainer"]


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "examples" / "05-kubernetes"


@pytest.fixture(scope="module")
def manifests(folder: Path) -> dict[str, Any]:
    """Each manifest by its kind; a key that stands twice would be a mistake that YAML hides."""

    class Strict(yaml.SafeLoader):
        """Takes no key twice."""

        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
            assert len(keys) == len(set(keys)), keys
            return super().construct_mapping(node, deep)

    found = list(yaml.load_all((folder / "site.yaml").read_text(), Strict))
    return {each["kind"]: each for each in found}


@pytest.fixture(scope="module")
def pod(manifests) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod) -> dict[str, Any]:
    (only,) = pod["containers"]
    return only


@pytest.fixture(scope="module")
def settings(container):
    def read(name: str) -> bytes:
        raise FileNotFoundError(name)

    options = Options()
    options.parseOptions(container["args"])
    return settings_from(options, {}, read)


def test_the_server_takes_the_arguments(folder, container):
    """As the container would start it, with everything loaded."""
    words = [*OURS, "--check-config", *container["args"]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_who_is_on_the_way_out_has_the_time_that_it_needs(pod, container, settings):
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert pod["terminationGracePeriodSeconds"] >= int(seconds) + settings.graceful_timeout + 5
    # By then nobody sends requests any more: the pod was unready for long enough before it stops to listen.
    ready = container["readinessProbe"]
    assert int(seconds) > ready["periodSeconds"] * ready["failureThreshold"]


def test_probes_ask_where_the_server_answers(container, settings):
    live, ready = probe_paths(settings.health)
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": live, "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": ready, "port": "http"}
    (port,) = container["ports"]
    assert (port["name"], settings.ports) == ("http", (f"tcp:{port['containerPort']}",))


def test_the_service_and_the_budget_find_the_pods(manifests):
    deployment, service, budget = (manifests[kind] for kind in ("Deployment", "Service", "PodDisruptionBudget"))
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == "http"
    assert budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_read_only_root_has_room_where_the_server_writes(pod, container, settings):
    """What does not fit in memory goes below /tmp, for which there is a volume that holds --output-disk."""
    assert container["securityContext"]["readOnlyRootFilesystem"]
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/tmp")
    assert int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) << 30 > settings.output_disk


@pytest.mark.parametrize("transport", ["auto"], indirect=True)
def test_the_container_answers_its_probes(serve, folder, container):
    words = [word for word in container["args"] if not word.startswith("--port")]
    site = serve(*words, chdir=None, cwd=folder, env={"POD_NAME": "pod-1"})
    assert requests.get(f"{site.url}/", timeout=10).text == "Hello from pod-1\n"
    for probe in ("livenessProbe", "readinessProbe"):
        reply = requests.get(site.url + container[probe]["httpGet"]["path"], timeout=10)
        assert (reply.status_code, reply.text) == (200, "ok\n")
    assert site.stop() == 0
