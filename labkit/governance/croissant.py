"""Croissant 1.0 metadata (JSON-LD, with the fields of its RAI vocabulary): what other tools read of a data set.

The vocabulary is MLCommons' (http://mlcommons.org/croissant/1.0). :func:`problems` checks the structure, and
:func:`verify_croissant` the files: it says which file is not what was described.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labkit import LabError
from labkit.files import sha256
from labkit.governance.cards import LIMITS, Facts
from labkit.governance.licences import OBLIGATIONS, simplify
from labkit.policy import Clearance

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "examples": {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract",
    "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath",
    "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source", "subField": "cr:subField",
    "transform": "cr:transform",
}  # fmt: skip
_SPDX = {simplify(key): key for key in OBLIGATIONS}
_REQUIRED = (
    "@context",
    "@type",
    "conformsTo",
    "name",
    "description",
    "license",
    "url",
    "creator",
    "datePublished",
    "distribution",
)
_FIELDS = (
    ("id", "sc:Text", "id", None, "Unique name of the row."),
    ("domain", "sc:Text", "domain", None, "What the row is about."),
    ("prompt", "sc:Text", "prompt", None, "Messages as a JSON list of role and content, the user's last."),
    ("response", "sc:Text", "response", None, "The answer that is to be learnt."),
    ("split", "sc:Text", "split", None, "train, held_out or nothing."),
    ("licence", "sc:Text", "provenance", "$.licence", "Licence of the row (SPDX)."),
    ("source", "sc:Text", "provenance", "$.source", "Where the row came from."),
    ("consent", "sc:Text", "provenance", "$.consent", "Consent of whom it came from."),
)


def croissant(
    file: Path, counted: Facts, clearance: Clearance, *, today: str, scope: str = "", masked: int = 0, left_out: int = 0
) -> dict[str, Any]:
    """The metadata of one JSON Lines file of rows.

    Args:
        file: the cleared rows; the description names it relative to its folder, with its hash.
        counted: facts of these rows.
        clearance: for the purpose and how long sources may be kept.
        today: the date of publication, ISO.
        scope: one sentence on what the rows are about.
        masked: rows in which something was masked.
        left_out: rows that were not cleared.
    """
    digest = sha256(file)
    keep = {
        name: source.keep_days
        for name, source in clearance.sources.items()
        if source.keep_days and name in counted.sources
    }
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": counted.name,
        "conformsTo": CONFORMS_TO,
        "description": scope or f"{counted.rows} training rows: a prompt and the response it should get.",
        "license": [_licence(name) for name in counted.licences] or ["none named"],
        "url": f"urn:sha256:{digest}",
        "version": "1.0.0",
        "datePublished": today,
        "creator": [{"@type": "sc:Organization", "name": name} for name in counted.owners]
        or [{"@type": "sc:Organization", "name": "nobody named"}],
        "rai:dataCollection": "Sources: "
        + (", ".join(f"{name} ({n})" for name, n in counted.sources.items()) or "none"),
        **({"rai:dataCollectionTimeframe": list(counted.collected)} if counted.collected else {}),
        "rai:dataPreprocessingProtocol": [
            f"{left_out} rows were left out: licence, consent, injection, unsafe, or unreadable.",
            f"In {masked} rows personal data or secrets were masked.",
        ],
        "rai:personalSensitiveInformation": "Consent: "
        + (", ".join(f"{k} {n}" for k, n in counted.consent.items()) or "none"),
        "rai:dataUseCases": [clearance.purpose],
        "rai:dataLimitations": list(LIMITS),
        "rai:dataReleaseMaintenancePlan": "; ".join(
            f"'{name}' may be kept for {days} days" for name, days in sorted(keep.items())
        )
        or "No source limits how long rows may be kept.",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": "rows-file",
                "name": file.name,
                "description": "One row a line.",
                "contentUrl": file.name,
                "contentSize": f"{file.stat().st_size} B",
                "encodingFormat": "application/jsonlines",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "description": f"{counted.rows} rows.",
                "key": {"@id": "rows/id"},
                "field": [_field(*entry) for entry in _FIELDS],
            }
        ],
    }


def _field(name: str, kind: str, column: str, path: str | None, about: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": "rows-file"}, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": path}
    return {
        "@type": "cr:Field",
        "@id": f"rows/{name}",
        "name": f"rows/{name}",
        "description": about,
        "dataType": kind,
        "source": source,
    }


def _licence(name: str) -> str:
    known = _SPDX.get(simplify(name))
    return f"https://spdx.org/licenses/{known}.html" if known else name


def problems(data: Any) -> list[str]:
    """What is wrong with the structure of Croissant metadata, as sentences; empty for a sound one.

    Checked are the required fields, that ids are unique and references lead to one, and that every file has a hash.
    """
    if not isinstance(data, dict):
        return ["the metadata is no JSON object"]
    found = [f"'{key}' is missing" for key in _REQUIRED if not data.get(key)]
    if data.get("@type") != "sc:Dataset":
        found.append("'@type' is not sc:Dataset")
    if data.get("conformsTo") != CONFORMS_TO:
        found.append(f"'conformsTo' is not {CONFORMS_TO}")
    nodes = list(_nodes(data))
    ids = [node["@id"] for node in nodes if "@type" in node and "@id" in node]
    found += [f"id '{name}' is used twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for node in nodes:
        kind, name = node.get("@type"), node.get("@id", "?")
        if set(node) == {"@id"} and node["@id"] not in ids:
            found.append(f"reference to '{name}' leads nowhere")
        if kind == "cr:FileObject":
            found += [
                f"file '{name}' has no {key}" for key in ("contentUrl", "encodingFormat", "sha256") if not node.get(key)
            ]
        elif kind == "cr:RecordSet" and not (isinstance(node.get("field"), list) and node["field"]):
            found.append(f"record set '{name}' has no field")
        elif kind == "cr:Field":
            found += [f"field '{name}' has no {key}" for key in ("dataType", "source") if not node.get(key)]
    return found


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _nodes(inner)
    if isinstance(value, dict) and "@id" in value and set(value) != {"@id", "@type"}:
        yield value


def verify_croissant(path: str | Path) -> list[str]:
    """What does not hold of Croissant metadata and its files; empty when all is well.

    A changed file is named with the hash it should have and the one it has. Files elsewhere on the net are not fetched.

    Raises:
        LabError: the metadata cannot be read.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LabError(str(path), error.strerror or "cannot be read", "check the path") from error
    except ValueError as error:
        raise LabError(str(path), f"is no JSON ({error})", "write it again with 'labkit audit'") from error
    found = problems(data)
    files = data.get("distribution") if isinstance(data, dict) else None
    for entry in files if isinstance(files, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("contentUrl"), str) and "://" not in entry["contentUrl"]:
            found += _verify_file(path.parent, entry)
    return found


def _verify_file(folder: Path, entry: dict[str, Any]) -> list[str]:
    file = folder / entry["contentUrl"]
    if not file.resolve().is_relative_to(folder.resolve()):
        return [f"file '{entry['contentUrl']}' lies outside the folder of the metadata"]
    if not file.is_file():
        return [f"file '{entry['contentUrl']}' does not exist"]
    actual = sha256(file)
    if actual != entry.get("sha256"):
        return [
            f"file '{entry['contentUrl']}' was changed: its sha256 should be {entry.get('sha256')}, and is {actual}"
        ]
    return []
