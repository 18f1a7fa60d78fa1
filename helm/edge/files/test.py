"""What `helm test` runs: readiness, then a known picture, held against what was asked for."""

import io
import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from PIL import Image

pictures, admin, path = (os.environ[name] for name in ("PICTURES", "ADMIN", "PICTURE"))

with urlopen(f"{admin}/-/readyz", timeout=30) as answer:
    status = json.load(answer)["status"]
print("readiness:", status)
if not path:
    print("no picture was asked for: test.path names none of your origin")
    sys.exit(0)
if {"EDGE_SIGNING_KEYS", "EDGE_SIGNING_FILE"} & set(os.environ):
    path = subprocess.run(
        ["edge", "sign", path], check=True, capture_output=True, text=True
    ).stdout.strip()
with urlopen(pictures + path, timeout=60) as answer:
    picture = Image.open(io.BytesIO(answer.read()))
picture.load()
print("picture:", picture.format, picture.size)
wished = parse_qs(urlsplit(path).query).get("w")
if wished and picture.width > int(wished[0]):
    sys.exit(f"the picture is {picture.width} pixels wide, {wished[0]} were asked for")
