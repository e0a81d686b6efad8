"""The simulated sample county, its trials and what is watched in it; `make` writes its files."""

from evidence.data.sample.files import make

__all__ = ["make"]
