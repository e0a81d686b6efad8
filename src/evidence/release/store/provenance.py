"""Where a number comes from: as an RO-Crate beside every release, and as an answer in words.

References
----------
RO-Crate Metadata Specification 1.1, https://w3id.org/ro/crate/1.1: sections 4 (root data entity),
5 (data entities) and 8 (provenance of entities: a CreateAction with agent, instrument, object and
result).
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evidence.errors import EvidenceError, nearest
from evidence.release.store import reader

CRATE = "ro-crate-metadata.json"
_FILES = ("effects.parquet", "effects.csv", "indicators.parquet", "indicators.csv", "results.xlsx")
_PARQUET = "application/vnd.apache.parquet"


def crate(folder: Path, record: Mapping[str, Any]) -> str:
    """Return the RO-Crate metadata of a release: files, runs, inputs, people.

    Parameters
    ----------
    folder : Path
        The release, whose files are written already.
    record : mapping
        Its `release.json`.
    """
    graph: list[dict[str, Any]] = []
    people: dict[str, str] = {}

    def person(name: str) -> dict[str, str]:
        people.setdefault(name, f"#person-{len(people) + 1}")
        return {"@id": people[name]}

    shared = [{"@id": name} for name in _FILES if (folder / name).is_file()]
    files = [*shared]
    actions = []
    for run in record["runs"].values():
        results = [{"@id": path} for path in _results(folder, record, run)]
        files += results
        inputs = [
            {"@id": f"#input-{digest}"} for digest in dict.fromkeys(run.get("inputs", {}).values())
        ]
        settings = [
            {"@id": f"#run-{run['run_id']}-{place}"} for place in range(len(run["parameters"]))
        ]
        action = {
            "@id": f"#run-{run['run_id']}",
            "@type": "CreateAction",
            "name": f"{run['notebook']} for {run['programme']}/{run['cohort']}",
            "identifier": run.get("key") or run["run_id"],
            "instrument": {"@id": f"#notebook-{run['notebook_sha256']}"},
            "object": inputs + settings,
            "result": shared + results,
            "startTime": run.get("started", ""),
            "endTime": run.get("finished", ""),
        }
        if run.get("author"):
            action["agent"] = person(run["author"])
        actions.append({"@id": action["@id"]})
        graph += [action, *_settings(run, settings)]
        if run.get("reviewer"):
            actions.append({"@id": f"#review-{run['run_id']}"})
            graph.append(
                {
                    "@id": f"#review-{run['run_id']}",
                    "@type": "ReviewAction",
                    "name": "Checked before release",
                    "agent": person(run["reviewer"]),
                    "object": {"@id": action["@id"]},
                    "endTime": run.get("released", ""),
                }
            )
    graph += _sources(record["runs"].values())
    graph += [{"@id": at, "@type": "Person", "name": name} for name, at in people.items()]
    graph += [_file(folder, entry["@id"]) for entry in files]
    head = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Evidence base, release {record['number']}",
        "description": "What school-improvement programmes changed: results that passed disclosure "
        "control, with the runs, inputs and people that each comes from.",
        "datePublished": record["date"],
        "license": {"@id": "#licence"},
        "hasPart": files,
        "mentions": actions,
    }
    licence = {
        "@id": "#licence",
        "@type": "CreativeWork",
        "name": "Licence not stated",
        "description": "Ask the hub that made this release.",
    }
    whole = {"@context": "https://w3id.org/ro/crate/1.1/context"}
    return json.dumps(whole | {"@graph": [head, root, licence, *graph]}, indent=1)


def _results(folder: Path, record: Mapping, run: Mapping) -> Iterator[str]:
    here = (run["programme"], run["cohort"])
    for entry in record["figures"]:
        if (entry["programme"], entry["cohort"]) == here:
            yield from (f"{entry['path']}{suffix}" for suffix in (".csv", ".svg"))
    for suffix in (".ipynb", ".html", "-report.html"):
        if (folder / f"{'/'.join(here)}{suffix}").is_file():
            yield f"{'/'.join(here)}{suffix}"


def _settings(run: Mapping[str, Any], names: list[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        name
        | {
            "@type": "PropertyValue",
            "name": key,
            "value": value
            if isinstance(value, str | int | float)
            else json.dumps(value, ensure_ascii=False),
        }
        for name, (key, value) in zip(names, run["parameters"].items(), strict=True)
    ]


def _sources(runs: Any) -> list[dict[str, Any]]:
    """Return the notebooks and inputs of all runs, each once; neither is in the crate."""
    found = {}
    for run in runs:
        at = f"#notebook-{run['notebook_sha256']}"
        found[at] = {
            "@id": at,
            "@type": ["SoftwareSourceCode", "CreativeWork"],
            "name": run["notebook"],
            "programmingLanguage": "Python",
            "sha256": run["notebook_sha256"],
            "version": run.get("commit", ""),
            "softwareRequirements": ", ".join(
                f"{name} {number}" for name, number in run.get("versions", {}).items()
            )
            + f"; lock file sha256 {run.get('lock_sha256', '')}",
        }
        for path, digest in run.get("inputs", {}).items():
            at = f"#input-{digest}"
            found[at] = {
                "@id": at,
                "@type": "CreativeWork",
                "name": path,
                "sha256": digest,
                "description": "Input file; it stays with the hub.",
            }
    return list(found.values())


def _file(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    kind = mimetypes.guess_type(name)[0] or (_PARQUET if name.endswith(".parquet") else "")
    about = {"@id": name, "@type": "File", "name": path.name}
    size = {"contentSize": str(path.stat().st_size)} if path.is_file() else {}
    return about | size | {"encodingFormat": kind or "application/octet-stream"}


def where(place: str, published: str | Path | None = None) -> str:
    """Answer "where does this come from?" for ``PROGRAMME`` or ``PROGRAMME/COHORT``.

    Raises
    ------
    EvidenceError
        The current release has no such programme or cohort.
    """
    record = reader.release(published)
    programme, _, cohort = place.partition("/")
    runs = [
        run
        for run in record["runs"].values()
        if run["programme"] == programme and cohort in ("", run["cohort"])
    ]
    if not runs:
        places = ((run["programme"], run["cohort"]) for run in record["runs"].values())
        known = dict.fromkeys(name for p, c in places for name in (p, f"{p}/{c}"))
        raise EvidenceError(f"no {place!r} in release {record['number']}; {nearest(place, known)}")
    return "\n\n".join(_told(record, run) for run in runs)


def facts(record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a run, on the command line and on its page: term to text or list."""
    checked = run.get("reviewer") or "nobody: simulated or public data, released automatically"
    return {
        "Run": run.get("key") or run["run_id"],
        "Notebook": f"{run['notebook']}, SHA-256 {run['notebook_sha256']}",
        "Input files and their SHA-256": [
            f"{path}: {digest}" for path, digest in run.get("inputs", {}).items()
        ],
        "Parameters": json.dumps(run.get("parameters", {}), ensure_ascii=False),
        "Version of the code": run.get("commit") or "not under version control",
        "Packages": ", ".join(f"{k} {v}" for k, v in run.get("versions", {}).items()),
        "Lock file": run.get("lock_sha256") or "none",
        "Author": run.get("author") or "not recorded",
        "Run on": str(run.get("finished", ""))[:10],
        "Checked by": checked,
        "Released": f"{str(run.get('released', ''))[:10]}; shown in release {record['number']}",
    }


def _told(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    lines = [f"{run['programme']}/{run['cohort']}"]
    for term, text in facts(record, run).items():
        lines += [f"  {term}: {text}"] if isinstance(text, str) else [f"  {term}:"]
        lines += [] if isinstance(text, str) else [f"    {item}" for item in text]
    return "\n".join(lines)
