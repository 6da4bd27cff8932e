# Meltano, tap-csv and target-workos-users, as a user without rights. See docs/running.md.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . ./plugins/tap-csv

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir "meltano[s3]>=4.4.1,<5" \
      "$(ls /wheels/target_workos_users-*.whl)[redis]" /wheels/tap_csv-*.whl
RUN useradd --uid 10001 --create-home loader \
 && install --directory --owner=loader /project /data
USER 10001
WORKDIR /project
COPY meltano.yml ./
# What must outlive the container: mount a volume there.
ENV TARGET_WORKOS_USERS_ERRORS_PATH=/data/errors.jsonl \
    TARGET_WORKOS_USERS_SUMMARY_PATH=/data/summary.json
# Exec form: the signal comes to Meltano itself, which hands it on.
STOPSIGNAL SIGTERM
ENTRYPOINT ["meltano"]
CMD ["--environment=prod", "run", "tap-csv", "target-workos-users"]
