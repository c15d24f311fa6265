"""What botocore's models say, as JSON on standard output, for tests/models.rs.

  partitions NAME…            the partitions, and the partition of each name of a region
  members SERVICE:OPERATION…  the members of what each operation answers: path → kind
"""

import json
import re
import sys
from pathlib import Path

import botocore
import botocore.session


def partitions(names):
    data = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())
    table = [
        {
            "id": p["id"],
            "dns_suffix": p["outputs"]["dnsSuffix"],
            "home": p["outputs"]["implicitGlobalRegion"],
            "regions": sorted(r for r in p["regions"] if not r.endswith("-global")),
        }
        for p in data["partitions"]
    ]
    of = {n: next((p["id"] for p in data["partitions"] if re.search(p["regionRegex"], n)), None) for n in names}
    return {"partitions": table, "of": of}


def kind(shape):
    if shape.type_name == "string" and getattr(shape, "enum", None):
        return "word"
    return shape.type_name


def walk(shape, path, seen, out):
    """The members below a shape; lists and maps are gone through, a structure within itself is not."""
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    if shape.type_name != "structure" or shape.name in seen:
        return
    for name, member in shape.members.items():
        inner = member
        while inner.type_name == "list":
            inner = inner.member
        out[f"{path}{name}"] = kind(inner)
        walk(member, f"{path}{name}.", seen | {shape.name}, out)


def members(operations):
    session = botocore.session.get_session()
    models = {}
    answer = {}
    for asked in operations:
        service, operation = asked.split(":")
        model = models.setdefault(service, session.get_service_model(service))
        out = {}
        walk(model.operation_model(operation).output_shape, "", frozenset(), out)
        answer[asked] = out
    return answer


print(json.dumps({"partitions": partitions, "members": members}[sys.argv[1]](sys.argv[2:])))
