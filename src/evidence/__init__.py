"""The analysis bench of school-improvement partnerships.

``import evidence as ev`` is cheap: each room is imported when it is first used.

Rooms
-----
readers, register, secret : read and check what people hold
effects, trials, matching, impact : numbers
pictures, report : how a notebook shows them
disclosure : what may leave
base : read the released evidence base
propose, publish : hand results over for release
"""

from importlib import import_module
from typing import Any

from evidence.errors import EvidenceError

_ROOMS = {
    "readers": "evidence.data.readers",
    "register": "evidence.data.register",
    "effects": "evidence.methods.effects",
    "trials": "evidence.methods.trials",
    "matching": "evidence.methods.matching",
    "impact": "evidence.methods.impact",
    "pictures": "evidence.methods.pictures",
    "report": "evidence.methods.report",
    "disclosure": "evidence.release.disclosure",
    "base": "evidence.release.base",
    "Picture": "evidence.show.picture:Picture",
    "secret": "evidence.data.secrets:secret",
    "words": "evidence.show.words",
    "propose": "evidence.release.publish:propose",
    "publish": "evidence.release.publish:publish",
}
__all__ = ["EvidenceError", *_ROOMS]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'evidence' has no attribute {name!r}")
    module, _, attribute = _ROOMS[name].partition(":")
    found = import_module(module)
    found = getattr(found, attribute) if attribute else found
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
