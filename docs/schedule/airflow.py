"""A DAG that loads users into WorkOS every night; docs/schedule.md says how (Airflow 3)."""

from datetime import timedelta

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "workos_users",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # two runs of one job would wait for each other's files, and fail
):
    BashOperator(
        task_id="load",
        cwd="/srv/workos-import",
        bash_command=(
            "set -a && . ./.env && . .venv/bin/activate && "
            "bash docs/schedule/nightly.sh --environment=prod run tap-csv target-workos-users"
        ),
        retries=3,  # each resumes where the one before it stopped
        retry_delay=timedelta(minutes=10),
    )
