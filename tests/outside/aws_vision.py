"""Holds every golden request to Rekognition against the service's own model, as botocore has it: unknown members,
types, enums, patterns, lengths and ranges. Needs no network and no account.

    python tests/outside/aws_vision.py

Exits 1 and says in a sentence each what the service would refuse."""

import base64
import json
import pathlib
import re
import sys

import botocore.session
from botocore.validate import ParamValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "crates/aws/tests/rekognition/requests.json"
OPERATIONS = {"DetectModerationLabels", "StartContentModeration", "GetContentModeration"}


def as_called(shape, value, path, problems):
    """As botocore's callers write it: blobs as bytes. Limits that ParamValidator leaves to the service on the way."""
    if shape.type_name == "structure" and isinstance(value, dict):
        known = shape.members
        problems += [f"{path}.{key} is no member of {shape.name}" for key in value if key not in known]
        return {k: as_called(known[k], v, f"{path}.{k}", problems) for k, v in value.items() if k in known}
    if shape.type_name == "list" and isinstance(value, list):
        return [as_called(shape.member, v, f"{path}[{n}]", problems) for n, v in enumerate(value)]
    length, low, high = None, shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name == "blob" and isinstance(value, str):
        value = base64.b64decode(value, validate=True)
        length = len(value)
    elif shape.type_name == "string" and isinstance(value, str):
        length = len(value)
        if value not in (getattr(shape, "enum", None) or [value]):
            problems.append(f"{path}: {value} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
            problems.append(f"{path}: {value} does not match {pattern}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        length = value
    if length is not None and ((low is not None and length < low) or (high is not None and length > high)):
        problems.append(f"{path}: {length} is not within {low} … {high}")
    return value


def refused(service, operation, request):
    """What the service would say against it."""
    shape = service.operation_model(operation).input_shape
    problems = []
    report = ParamValidator().validate(as_called(shape, request, operation, problems), shape)
    return problems + ([report.generate_report()] if report.has_errors() else [])


def bites(service, requests):
    """A check that lets everything pass is none: each of these must be refused."""
    start = requests["StartContentModeration"]
    cases = {
        "a member that there is not": ("StartContentModeration", {**start, "Tag": "x"}),
        "a token that is too long": ("StartContentModeration", {**start, "ClientRequestToken": "a" * 65}),
        "a token with a colon": ("StartContentModeration", {**start, "ClientRequestToken": "a:b"}),
        "a confidence above 100": ("StartContentModeration", {**start, "MinConfidence": 101.0}),
        "a start without a video": ("StartContentModeration", {"JobTag": "x"}),
        "a topic that is none":
            ("StartContentModeration", {**start, "NotificationChannel": {"SNSTopicArn": "x", "RoleArn": "y"}}),
        "an order that there is not":
            ("GetContentModeration", {**requests["GetContentModeration"], "SortBy": "TIME"}),
        "a confidence as text":
            ("DetectModerationLabels", {**requests["DetectModerationLabels"], "MinConfidence": "50"}),
    }
    for what, (operation, request) in cases.items():
        if refused(service, operation, request):
            print(f"ok   {what} is refused")
        else:
            yield f"the check does not see {what}"


def main():
    service = botocore.session.get_session().get_service_model("rekognition")
    golden = json.loads(GOLDEN.read_text())
    requests, problems = {}, []
    for entry in golden:
        operation, request = entry["operation"], entry["request"]
        requests[operation] = request
        said = refused(service, operation, request)
        problems += said
        if not said:
            print(f"ok   {operation}")
    problems += [f"there is no golden request of {missing}" for missing in sorted(OPERATIONS - requests.keys())]
    if not problems:
        problems += bites(service, requests)
    start = requests.get("StartContentModeration", {})
    if not start.get("ClientRequestToken") or not start.get("JobTag"):
        problems.append("a start without token or tag may be paid for twice")
    for said in problems:
        print("BAD  " + said)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
