"""An outside client: the AWS SDK for Python against the door.

usage: boto3_client.py ENDPOINT BUCKET ACCESS_KEY SECRET_KEY
"""

import hashlib
import io
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT, BUCKET, ACCESS, SECRET = sys.argv[1:5]
MIB = 1024 * 1024


def client(access=ACCESS, secret=SECRET, **config):
    settings = {"retries": {"max_attempts": 1}, "s3": {"addressing_style": "path"}}
    settings.update(config)
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", **settings),
    )


S3 = client()


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found in code.split("|"), f"{found} instead of {code}"
        return
    raise AssertionError(f"not refused with {code}")


def http(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    # Without a type urllib calls every body a form.
    if body is not None and not request.has_header("Content-type"):
        request.add_header("Content-type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def put_get_range():
    body = os.urandom(300_000)
    put = S3.put_object(Bucket=BUCKET, Key="a/ü b+c.bin", Body=body, ContentType="video/mp4", Metadata={"who": "me"})
    assert put["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    got = S3.get_object(Bucket=BUCKET, Key="a/ü b+c.bin")
    assert got["Body"].read() == body and got["ContentType"] == "video/mp4" and got["Metadata"] == {"who": "me"}
    part = S3.get_object(Bucket=BUCKET, Key="a/ü b+c.bin", Range="bytes=100-199")
    assert part["Body"].read() == body[100:200] and part["ContentRange"] == "bytes 100-199/300000"
    head = S3.head_object(Bucket=BUCKET, Key="a/ü b+c.bin")
    assert head["ContentLength"] == 300_000
    refused("NoSuchKey", S3.get_object, Bucket=BUCKET, Key="nothing")
    refused("404", S3.head_object, Bucket=BUCKET, Key="nothing")
    refused("NoSuchBucket", S3.get_object, Bucket="another", Key="a")
    refused("InvalidRange", S3.get_object, Bucket=BUCKET, Key="a/ü b+c.bin", Range="bytes=900000-")
    refused("304", S3.get_object, Bucket=BUCKET, Key="a/ü b+c.bin", IfNoneMatch=put["ETag"])
    refused("PreconditionFailed", S3.put_object, Bucket=BUCKET, Key="a/ü b+c.bin", Body=b"", IfNoneMatch="*")
    S3.put_object(Bucket=BUCKET, Key="empty", Body=b"")
    assert S3.get_object(Bucket=BUCKET, Key="empty")["Body"].read() == b""


def checksums():
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
        try:
            put = S3.put_object(Bucket=BUCKET, Key="sum", Body=b"hello", ChecksumAlgorithm=algorithm)
        except Exception as error:  # the optional CRT library computes some of them
            if "awscrt" in str(error).lower() or "crt" in str(error).lower():
                continue
            raise
        assert put["Checksum" + algorithm]
        got = S3.get_object(Bucket=BUCKET, Key="sum", ChecksumMode="ENABLED")
        assert got["Checksum" + algorithm] == put["Checksum" + algorithm] and got["Body"].read() == b"hello"
    wrong = "AAAAul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    refused("BadDigest", S3.put_object, Bucket=BUCKET, Key="sum", Body=b"hello", ChecksumSHA256=wrong)


def listing():
    for n in range(7):
        S3.put_object(Bucket=BUCKET, Key=f"list/{n // 3}/{n}", Body=b"x")
    pages = S3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="list/", PaginationConfig={"PageSize": 2})
    keys = [o["Key"] for page in pages for o in page.get("Contents", [])]
    assert keys == sorted(f"list/{n // 3}/{n}" for n in range(7)), keys
    folders = S3.list_objects_v2(Bucket=BUCKET, Prefix="list/", Delimiter="/")
    assert [p["Prefix"] for p in folders["CommonPrefixes"]] == ["list/0/", "list/1/", "list/2/"]
    odd = S3.list_objects_v2(Bucket=BUCKET, Prefix="a/")
    assert [o["Key"] for o in odd["Contents"]] == ["a/ü b+c.bin"]
    gone = S3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": k} for k in keys]})
    assert len(gone["Deleted"]) == 7 and "Contents" not in S3.list_objects_v2(Bucket=BUCKET, Prefix="list/")
    assert [b["Name"] for b in S3.list_buckets()["Buckets"]] == [BUCKET]
    S3.head_bucket(Bucket=BUCKET)


def copying():
    S3.put_object(Bucket=BUCKET, Key="from", Body=b"bytes", ContentType="text/plain")
    S3.copy_object(Bucket=BUCKET, Key="to", CopySource={"Bucket": BUCKET, "Key": "from"})
    got = S3.get_object(Bucket=BUCKET, Key="to")
    assert got["Body"].read() == b"bytes" and got["ContentType"] == "text/plain"


def multipart():
    body = os.urandom(12 * MIB + 17)
    S3.upload_fileobj(io.BytesIO(body), BUCKET, "big", Config=TransferConfig(multipart_threshold=MIB, multipart_chunksize=5 * MIB))
    target = io.BytesIO()
    S3.download_fileobj(BUCKET, "big", target)
    assert target.getvalue() == body
    digests = [hashlib.md5(body[at : at + 5 * MIB]).digest() for at in range(0, len(body), 5 * MIB)]
    expected = '"%s-3"' % hashlib.md5(b"".join(digests)).hexdigest()
    assert S3.head_object(Bucket=BUCKET, Key="big")["ETag"] == expected

    upload = S3.create_multipart_upload(Bucket=BUCKET, Key="slow")["UploadId"]
    one = S3.upload_part(Bucket=BUCKET, Key="slow", UploadId=upload, PartNumber=1, Body=b"a" * 10)
    two = S3.upload_part(Bucket=BUCKET, Key="slow", UploadId=upload, PartNumber=2, Body=b"b")
    listed = S3.list_parts(Bucket=BUCKET, Key="slow", UploadId=upload, MaxParts=1)
    assert listed["IsTruncated"] and listed["Parts"][0]["Size"] == 10 and listed["NextPartNumberMarker"] == 1
    assert [u["UploadId"] for u in S3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]] == [upload]

    def complete(*parts):
        chosen = [{"PartNumber": n, "ETag": p["ETag"]} for n, p in parts]
        return S3.complete_multipart_upload(Bucket=BUCKET, Key="slow", UploadId=upload, MultipartUpload={"Parts": chosen})

    refused("EntityTooSmall", lambda: complete((1, one), (2, two)))
    refused("InvalidPartOrder", lambda: complete((2, two), (1, one)))
    refused("InvalidPart", lambda: complete((1, two)))
    complete((1, one))
    complete((1, one))
    assert S3.get_object(Bucket=BUCKET, Key="slow")["Body"].read() == b"a" * 10

    upload = S3.create_multipart_upload(Bucket=BUCKET, Key="slow")["UploadId"]
    S3.abort_multipart_upload(Bucket=BUCKET, Key="slow", UploadId=upload)
    refused("NoSuchUpload", S3.upload_part, Bucket=BUCKET, Key="slow", UploadId=upload, PartNumber=1, Body=b"x")


def presigned():
    url = S3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "pre"}, ExpiresIn=60)
    assert http("PUT", url, b"signed")[0] == 200
    read = S3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "pre"}, ExpiresIn=60)
    assert http("GET", read) == (200, b"signed")
    parts = urllib.parse.urlsplit(read)
    fields = urllib.parse.parse_qsl(parts.query)
    for name, value in fields:
        changed = [(n, (v + "0" if n == name else v)) for n, v in fields]
        status, _ = http("GET", urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(changed))))
        assert status == 403, f"{name} changed: {status}"
        without = [(n, v) for n, v in fields if n != name]
        status, _ = http("GET", urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(without))))
        assert status == 403, f"{name} left out: {status}"
    assert http("GET", read.replace("/pre?", "/big?"))[0] == 403
    assert http("PUT", read, b"x")[0] == 403
    assert http("GET", f"{ENDPOINT}/{BUCKET}/pre")[0] == 403
    post = S3.generate_presigned_post(BUCKET, "posted")
    assert http("POST", post["url"], b"x", {"content-type": "multipart/form-data; boundary=b"})[0] == 403


def wrong_keys():
    refused("SignatureDoesNotMatch", client(secret="wrong").get_object, Bucket=BUCKET, Key="pre")
    refused("InvalidAccessKeyId", client(access="nobody").get_object, Bucket=BUCKET, Key="pre")
    tampering = client()
    tampering.meta.events.register("before-send.s3.PutObject", lambda request, **_: setattr(request, "body", b"other!"))
    try:
        tampering.put_object(Bucket=BUCKET, Key="pre", Body=b"signed")
    except Exception:
        pass
    assert S3.get_object(Bucket=BUCKET, Key="pre")["Body"].read() == b"signed"


for step in [put_get_range, checksums, listing, copying, multipart, presigned, wrong_keys]:
    step()
    print("ok", step.__name__)
