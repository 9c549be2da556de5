"""Reads the tables as an outsider with boto3 and looks for the keys and attributes of the founding document
(section 6). Run it while the processes of config/local-aws.toml run and at least one video is published:

    SIGNAL_STORES__ENDPOINT=http://127.0.0.1:8000 python tests/outside/aws_tables.py

Exits 1 and says in a sentence each what is not as written."""

import json
import os
import pathlib
import sys

import boto3

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = os.environ.get("SIGNAL_TEST_REGION", "us-east-1")
PREFIX = os.environ.get("SIGNAL_TEST_PREFIX", "signal-")
ENDPOINT = os.environ.get("SIGNAL_STORES__ENDPOINT", "http://127.0.0.1:8000")

# Table: partition key, sort key, attributes that a row of it must carry.
SEED = {
    "Videos": ("video_id", "sk", [
        "owner_id", "status", "moderation_verdict", "duration", "ladder_profile", "poster_path",
        "sprite_path", "created_at",
    ]),
    "UserLibrary": ("user_id", None, ["video_id", "created_at"]),
    "EngagementAgg": ("video_id", "window", ["views", "avg_dwell", "likes", "shares"]),
    "FeedCache": ("user_id", None, []),
}

problems = []


def check(good, said):
    print(("ok   " if good else "BAD  ") + said)
    if not good:
        problems.append(said)


def keys_of(schema):
    return {k["KeyType"]: k["AttributeName"] for k in schema}


def main():
    dynamodb = boto3.client("dynamodb", region_name=REGION, endpoint_url=ENDPOINT)
    contract = json.loads((ROOT / "infra/contract.json").read_text())
    there = set()
    for page in dynamodb.get_paginator("list_tables").paginate():
        there.update(page["TableNames"])
    for table in contract["tables"]:
        check(PREFIX + table["name"] in there, f"{table['name']} of the contract stands")

    rows = {}
    for name, (hash_key, range_key, attributes) in SEED.items():
        described = dynamodb.describe_table(TableName=PREFIX + name)["Table"]
        keys = keys_of(described["KeySchema"])
        check(keys["HASH"] == hash_key, f"{name} is keyed by {hash_key}")
        if range_key:
            check(keys.get("RANGE") == range_key, f"{name} is sorted by {range_key}")
        rows[name] = dynamodb.scan(TableName=PREFIX + name, Limit=200)["Items"]
        check(bool(rows[name]), f"{name} has rows")
        found = set().union(*(set(r) for r in rows[name])) if rows[name] else set()
        for attribute in attributes:
            check(attribute in found, f"{name} carries {attribute}")
        if name == "Videos":
            indexes = {i["IndexName"]: keys_of(i["KeySchema"]) for i in described["GlobalSecondaryIndexes"]}
            by_user = indexes.get("VideosByUser", {})
            wanted = {"HASH": "owner_id", "RANGE": "created_at"}
            check(by_user == wanted, "VideosByUser is keyed by owner_id, created_at")

    published = [r for r in rows["Videos"] if r["status"]["S"] == "published"]
    check(bool(published), "a published video stands in Videos")
    if published:
        video = published[0]
        mine = dynamodb.query(
            TableName=PREFIX + "Videos", IndexName="VideosByUser",
            KeyConditionExpression="owner_id = :o",
            ExpressionAttributeValues={":o": video["owner_id"]},
        )["Items"]
        ids = [r["video_id"]["S"] for r in mine]
        check(video["video_id"]["S"] in ids, "its owner finds it by VideosByUser")
        check(video["moderation_verdict"]["S"] == "approve", "its verdict is approve")
    windows = [r["window"]["S"] for r in rows["EngagementAgg"]]
    hours = [w for w in windows if w.startswith("window#")]
    check(bool(hours), f"EngagementAgg counts by hour: {hours[:1]}")
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
