"""singer-sdk's own standard tests for targets.

Their streams are no users: every record ends in the errors file, which is what should happen.
"""

from __future__ import annotations

import json
import re

import pytest
from singer_sdk.testing import get_target_test_class
from singer_sdk.testing.runners import TargetTestRunner
from singer_sdk.testing.suites import SingerTestSuite, target_tests
from singer_sdk.testing.target_tests import (
    TargetInvalidSchemaTest,
    TargetMultipleStateMessages,
    TargetRecordBeforeSchemaTest,
    TargetRecordMissingKeyProperty,
)
from singer_sdk.testing.templates import TargetFileTestTemplate

from target_workos_users.exceptions import InputError
from target_workos_users.target import TargetWorkosUsers
from tests.support.whole_target import read_errors


class RecordBeforeSchema(TargetRecordBeforeSchemaTest):
    """The run stops as it should, but with an error that names the line; the SDK has none such."""

    def test(self):
        with pytest.raises(InputError, match=r"Line 1 of the input .* before its SCHEMA message"):
            TargetFileTestTemplate.test(self)


class RecordMissingKeyProperty(TargetRecordMissingKeyProperty):
    """The SDK stops the whole run; here one bad record is one line in the errors file."""

    def test(self):
        TargetFileTestTemplate.test(self)
        (error,) = read_errors(self.runner.errors_path)
        assert error["error_message"].startswith("id: missing")


class InvalidSchema(TargetInvalidSchemaTest):
    """The SDK wants properties in a schema; JSON Schema doesn't, and here no column is needed."""

    def test(self):
        TargetFileTestTemplate.test(self)
        assert self.runner.state_messages[-1]["bookmarks"]["target-workos-users"]


class MultipleStateMessages(TargetMultipleStateMessages):
    """The SDK leaves it out (it can't pass it), and compares with text what its runner parses."""

    def test(self):
        self.runner.sync_all()
        said = [
            {name: value for name, value in state.items() if name != "bookmarks"}
            for state in self.runner.state_messages
        ]
        expected = [
            '{"test_multiple_state_messages_a": 1, "test_multiple_state_messages_b": 0}',
            '{"test_multiple_state_messages_a": 3, "test_multiple_state_messages_b": 2}',
            '{"test_multiple_state_messages_a": 5, "test_multiple_state_messages_b": 6}',
        ]
        places = [said.index(json.loads(state)) for state in expected]
        assert places == sorted(places)
        assert said[-1] == json.loads(expected[-1])


class Runner(TargetTestRunner):
    """Says of the streams of a test's input, none of which has an email, that they are users."""

    def new_target(self):
        if self.input_filepath:
            text = self.input_filepath.read_text()
            streams = re.findall(r'"stream": ?"([^"]+)"', text)
            self.config["stream_kinds"] = dict.fromkeys(streams, "users")
        return super().new_target()


OWN = [RecordBeforeSchema, RecordMissingKeyProperty, InvalidSchema, MultipleStateMessages]
STANDARD = [test for test in target_tests.tests if test not in {own.__base__ for own in OWN}]


class TestStandard(
    get_target_test_class(
        TargetWorkosUsers,
        custom_suites=[SingerTestSuite(kind="target", tests=[*STANDARD, *OWN])],
        include_target_tests=False,
    )
):
    @pytest.fixture
    def runner(self, tmp_path):
        made = []

        class Target(TargetWorkosUsers):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                made.append(self)

        config = {
            "sandbox_path": str(tmp_path / "sandbox.db"),
            "errors_path": str(tmp_path / "errors.jsonl"),
            "abort_error_rate": 1.0,
            "batch_size_rows": 3,
        }
        runner = Runner(Target, config=config)
        runner.errors_path = tmp_path / "errors.jsonl"
        yield runner
        for target in made:
            target.close()


def test_no_standard_test_is_left_out():
    assert len(STANDARD) == len(target_tests.tests) - 3
    run = [name for name in dir(TestStandard) if name.startswith("test_target_")]
    assert len(run) == len(target_tests.tests) + 1
