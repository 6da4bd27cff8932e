"""The image and the Job: what only a cluster would tell otherwise."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from target_workos_users.settings.schema import SETTINGS
from tests.support.markdown import blocks
from tests.support.model import make_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
RUNNING = ROOT / "docs/running.md"


@pytest.fixture(scope="module")
def job():
    return yaml.safe_load((ROOT / "docs/kubernetes/job.yaml").read_text())


@pytest.fixture(scope="module")
def pod(job):
    return job["spec"]["template"]["spec"]


def environment(container):
    return {each["name"]: each.get("value") for each in container["env"]}


def instruction(name):
    """What stands behind the last instruction of that name."""
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)[-1]


def test_the_job_gives_the_target_time_to_stop_and_runs_one_pod_at_a_time(job, pod):
    assert job["kind"] == "Job"
    assert (
        pod["terminationGracePeriodSeconds"]
        > 2 * make_settings(request_timeout=3600).seconds_to_stop
    )
    assert pod["restartPolicy"] == "Never"
    assert job["spec"]["backoffLimit"] > 0
    assert job["spec"]["parallelism"] == 1
    assert job["spec"]["podReplacementPolicy"] == "Failed"


def test_the_job_keeps_what_must_outlive_a_pod(pod):
    [container] = pod["containers"]
    [mount] = container["volumeMounts"]
    assert mount["name"] in {volume["name"] for volume in pod["volumes"]}
    given = environment(container)
    assert given["MELTANO_STATE_BACKEND_URI"].startswith("s3://")
    for name in ("TARGET_WORKOS_USERS_ERRORS_PATH", "TARGET_WORKOS_USERS_SUMMARY_PATH"):
        assert given[name].startswith(f"{mount['mountPath']}/")
    [file] = json.loads(given["TAP_CSV_FILES"])
    assert file["path"].startswith(f"{mount['mountPath']}/")


def test_the_job_has_its_secrets_from_the_cluster(pod):
    [container] = pod["containers"]
    secret = {
        "WORKOS_API_KEY",
        *(name for name in environment(container) if re.search(r"_KEY|_REDIS_URL", name)),
    }
    for each in container["env"]:
        assert (each["name"] in secret) == ("secretKeyRef" in each.get("valueFrom", {}))


def test_the_job_and_the_image_are_of_the_same_user_who_is_not_root(pod):
    user = int(instruction("USER"))
    assert user > 0
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == user
    assert f"useradd --uid {user}" in DOCKERFILE


def test_the_settings_that_image_job_and_documents_set_are_there():
    texts = [DOCKERFILE, (ROOT / "docs/kubernetes/job.yaml").read_text(), RUNNING.read_text()]
    names = {
        name.lower() for text in texts for name in re.findall("TARGET_WORKOS_USERS_(\\w+)", text)
    }
    assert {"errors_path", "stream_maps", "rate_limit_redis_url"} <= names
    assert names <= SETTINGS["properties"].keys()


def test_signals_come_to_meltano_itself():
    assert json.loads(instruction("ENTRYPOINT")) == ["meltano"]  # exec form: no shell in between
    assert json.loads(instruction("CMD"))[0].startswith("--environment")
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_the_image_is_built_from_what_the_wheel_needs_and_no_more():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    let_in = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    needed |= set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert needed <= let_in
    assert let_in - needed == {"plugins", "meltano.yml"}
    assert "**/.*" in ignored


def test_the_shards_of_the_document_fit_the_job(pod):
    [change] = [each.text for each in blocks(RUNNING) if each.language == "yaml"]
    change = yaml.safe_load(change)["spec"]
    assert change["completions"] == change["parallelism"]
    [shard], [whole] = change["template"]["spec"]["containers"], pod["containers"]
    assert shard["name"] == whole["name"]
    assert [word for word in shard["args"] if "--state-id" not in word] == whole["args"]
    assert shard["env"][0]["name"] == "SHARD"  # before what refers to it
    maps = json.loads(environment(shard)["TARGET_WORKOS_USERS_STREAM_MAPS"])
    assert f"% {change['completions']} == $(SHARD)" in maps["users"]["__filter__"]
