"""Holds every golden request of the MediaConvert engine against the service's own model, as botocore has it:
unknown members, types, enums, patterns, lengths and ranges. Needs no network and no account.

    python tests/outside/aws_media.py

Exits 1 and says in a sentence each what the service would refuse."""

import json
import pathlib
import re
import sys

import botocore.session
from botocore.validate import ParamValidator

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "crates/aws/tests/mediaconvert/golden"
PROFILES = {"portrait", "landscape", "square", "silent", "muted", "tiny", "economy", "trimmed", "captured"}

problems = []


def bad(said):
    problems.append(said)


def by_member(shape, value, path):
    """The request as botocore's callers write it: members by name, not as they stand on the wire."""
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {m.serialization.get("name", n): (n, m) for n, m in shape.members.items()}
        named = {}
        for key, inner in value.items():
            if key not in names:
                bad(f"{path}.{key} is no member of {shape.name}")
                continue
            name, member = names[key]
            named[name] = by_member(member, inner, f"{path}.{key}")
        return named
    if shape.type_name == "list" and isinstance(value, list):
        return [by_member(shape.member, v, f"{path}[{n}]") for n, v in enumerate(value)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {k: by_member(shape.value, v, f"{path}.{k}") for k, v in value.items()}
    limits(shape, value, path)
    return value


def bounds(shape):
    """Ranges of this model stand in its shapes' names where they do not stand in its metadata."""
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    found = re.fullmatch(r"__(?:integer|double)Min(Negative)?(\d+)Max(Negative)?(\d+)", shape.name)
    if found:
        minus_low, a, minus_high, b = found.groups()
        low = low if low is not None else int(a) * (-1 if minus_low else 1)
        high = high if high is not None else int(b) * (-1 if minus_high else 1)
    return low, high


def limits(shape, value, path):
    """What ParamValidator leaves to the service."""
    if shape.type_name == "string" and isinstance(value, str):
        allowed = getattr(shape, "enum", [])
        if allowed and value not in allowed:
            bad(f"{path}: {value} is none of {allowed}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(pattern, value):
            bad(f"{path}: {value} does not match {pattern}")
    if shape.type_name in ("integer", "long", "double", "float") and isinstance(value, (int, float)):
        low, high = bounds(shape)
        if (low is not None and value < low) or (high is not None and value > high):
            bad(f"{path}: {value} is not within {low} … {high}")


def validate(shape, request, name):
    params = by_member(shape, request, name)
    report = ParamValidator().validate(params, shape)
    if report.has_errors():
        bad(f"{name}: {report.generate_report()}")
    token = request.get("clientRequestToken", "")
    if not 1 <= len(token) <= 64 or not token.isascii():
        bad(f"{name}: a token has up to 64 ASCII characters")


def bites(shape, request):
    """A check that lets everything pass is none: each of these must be refused."""
    def broken(change):
        copy = json.loads(json.dumps(request))
        change(copy["settings"]["outputGroups"][0])
        before = len(problems)
        validate(shape, copy, "broken")
        refused = len(problems) > before
        del problems[before:]
        return refused

    def video(group):
        return group["outputs"][0]["videoDescription"]["codecSettings"]["h264Settings"]

    cases = {
        "a rate control that there is not": lambda g: video(g).update(rateControlMode="QVBRR"),
        "a member that there is not": lambda g: video(g).update(gopSizes=2),
        "a quality above ten": lambda g: video(g)["qvbrSettings"].update(qvbrQualityLevel=11),
        "a fine tune above one": lambda g: video(g)["qvbrSettings"].update(qvbrQualityLevelFineTune=1.5),
        "a number as text": lambda g: video(g).update(maxBitrate="900000"),
        "segments of no length": lambda g: g["outputGroupSettings"]["cmafGroupSettings"].update(segmentLength=0),
        "a destination outside S3":
            lambda g: g["outputGroupSettings"]["cmafGroupSettings"].update(destination="/tmp/x"),
    }
    for what, change in cases.items():
        if broken(change):
            print(f"ok   {what} is refused")
        else:
            bad(f"the check does not see {what}")


def main():
    shape = botocore.session.get_session().get_service_model("mediaconvert").shape_for("CreateJobRequest")
    files = {f.stem: json.loads(f.read_text()) for f in sorted(GOLDEN.glob("*.json"))}
    for missing in PROFILES - files.keys():
        bad(f"there is no golden request of {missing}")
    for name, request in files.items():
        before = len(problems)
        validate(shape, request, name)
        if len(problems) == before:
            print(f"ok   {name}: {len(request['settings']['outputGroups'][0]['outputs'])} outputs")
    if "portrait" in files:
        bites(shape, files["portrait"])
    for said in problems:
        print("BAD  " + said)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
