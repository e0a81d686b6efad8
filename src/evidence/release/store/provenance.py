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
from collections.abc import Iterable, Iterator, Mapping
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
    shared = [name for name in _FILES if (folder / name).is_file()]
    files, actions = [*shared], []
    for run in record["runs"].values():
        results = list(_results(folder, record, run))
        files += results
        at = f"#run-{run['run_id']}"
        inputs = [f"#input-{digest}" for digest in dict.fromkeys(run.get("inputs", {}).values())]
        settings = _settings(at, run["parameters"])
        action = _entity(
            at,
            "CreateAction",
            f"{run['notebook']} for {reader.place_of(run)}",
            identifier=run.get("key") or run["run_id"],
            instrument=_link(f"#notebook-{run['notebook_sha256']}"),
            object=[*map(_link, inputs), *(_link(one["@id"]) for one in settings)],
            result=[*map(_link, [*shared, *results])],
            startTime=run.get("started", ""),
            endTime=run.get("finished", ""),
        )
        graph += [action, *settings]
        actions.append(at)
        if run.get("author"):
            action["agent"] = _link(people.setdefault(run["author"], f"#person-{len(people) + 1}"))
        if run.get("reviewer"):
            agent = people.setdefault(run["reviewer"], f"#person-{len(people) + 1}")
            actions.append(f"#review-{run['run_id']}")
            review = {
                "agent": _link(agent),
                "object": _link(at),
                "endTime": run.get("released", ""),
            }
            graph.append(_entity(actions[-1], "ReviewAction", "Checked before release", **review))
    graph += _sources(record["runs"].values())
    graph += [_entity(at, "Person", name) for name, at in people.items()]
    graph += [_file(folder, name) for name in files]
    about = {"conformsTo": _link("https://w3id.org/ro/crate/1.1"), "about": _link("./")}
    root = _entity(
        "./",
        "Dataset",
        f"Evidence base, release {record['number']}",
        description="What school-improvement programmes changed: results that passed disclosure "
        "control, with the runs, inputs and people that each comes from.",
        datePublished=record["date"],
        license=_link("#licence"),
        hasPart=[*map(_link, files)],
        mentions=[*map(_link, actions)],
    )
    ask = "Ask the hub that made this release."
    licence = _entity("#licence", "CreativeWork", "Licence not stated", description=ask)
    graph = [{"@id": CRATE, "@type": "CreativeWork"} | about, root, licence, *graph]
    whole = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}
    return json.dumps(whole, indent=1)


def _link(at: str) -> dict[str, str]:
    return {"@id": at}


def _entity(at: str, kind: str | list[str], name: str, **more: Any) -> dict[str, Any]:
    return {"@id": at, "@type": kind, "name": name, **more}


def _results(folder: Path, record: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    """Give the files of a release that come from one run."""
    place = reader.place_of(run)
    for entry in record["figures"]:
        if reader.place_of(entry) == place:
            yield from (f"{entry['path']}{suffix}" for suffix in (".csv", ".svg"))
    for suffix in (".ipynb", ".html", "-report.html"):
        if (folder / f"{place}{suffix}").is_file():
            yield f"{place}{suffix}"


def _settings(at: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of a run, as text where they are lists or mappings."""
    values = {
        key: value if isinstance(value, str | int | float) else _json(value)
        for key, value in parameters.items()
    }
    return [
        _entity(f"{at}-{number}", "PropertyValue", key, value=value)
        for number, (key, value) in enumerate(values.items())
    ]


def _sources(runs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the notebooks and inputs of all runs, each once; neither is in the crate."""
    found = {}
    for run in runs:
        at = f"#notebook-{run['notebook_sha256']}"
        found[at] = _entity(
            at,
            ["SoftwareSourceCode", "CreativeWork"],
            run["notebook"],
            programmingLanguage="Python",
            sha256=run["notebook_sha256"],
            version=run.get("commit", ""),
            softwareRequirements=f"{_packages(run)}; lock file sha256 {run.get('lock_sha256', '')}",
        )
        for path, digest in run.get("inputs", {}).items():
            at, stays = f"#input-{digest}", "Input file; it stays with the hub."
            found[at] = _entity(at, "CreativeWork", path, sha256=digest, description=stays)
    return list(found.values())


def _packages(run: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number}" for name, number in run.get("versions", {}).items())


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _file(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    kind = mimetypes.guess_type(name)[0] or (_PARQUET if name.endswith(".parquet") else "")
    size = {"contentSize": str(path.stat().st_size)} if path.is_file() else {}
    kind = kind or "application/octet-stream"
    return _entity(name, "File", path.name, **size, encodingFormat=kind)


def where(place: str, published: str | Path | None = None) -> str:
    """Answer "where does this come from?" for ``PROGRAMME`` or ``PROGRAMME/COHORT``.

    Raises
    ------
    EvidenceError
        The current release has no such programme or cohort.
    """
    record = reader.release(published)
    places = {reader.place_of(run): run for run in record["runs"].values()}
    runs = [run for at, run in places.items() if place.removesuffix("/") in (at, run["programme"])]
    if not runs:
        known = dict.fromkeys(name for at, run in places.items() for name in (run["programme"], at))
        raise EvidenceError(f"no {place!r} in release {record['number']}; {nearest(place, known)}")
    return "\n\n".join(_facts_as_text(record, run) for run in runs)


def facts(record: Mapping[str, Any], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a run, on the command line and on its page: term to text or list."""
    checked = run.get("reviewer") or "nobody: simulated or public data, released automatically"
    return {
        "Run": run.get("key") or run["run_id"],
        "Notebook": f"{run['notebook']}, SHA-256 {run['notebook_sha256']}",
        "Input files and their SHA-256": [
            f"{path}: {digest}" for path, digest in run.get("inputs", {}).items()
        ],
        "Parameters": _json(run.get("parameters", {})),
        "Version of the code": run.get("commit") or "not under version control",
        "Packages": _packages(run),
        "Lock file": run.get("lock_sha256") or "none",
        "Author": run.get("author") or "not recorded",
        "Run on": str(run.get("finished", ""))[:10],
        "Checked by": checked,
        "Released": f"{str(run.get('released', ''))[:10]}; shown in release {record['number']}",
    }


def _facts_as_text(record: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    lines = [reader.place_of(run)]
    for term, text in facts(record, run).items():
        lines += [f"  {term}: {text}"] if isinstance(text, str) else [f"  {term}:"]
        lines += [] if isinstance(text, str) else [f"    {item}" for item in text]
    return "\n".join(lines)
