"""What reports and their runner use, imported and warmed up once before the fork server forks.

Much is loaded not by an import but by its first use, such as fonts and schemas. The whole is in the
memory of all, but once.
"""

import importlib
import sys

import matplotlib.backends
import nbformat
import pandas as pd
from jupyter_client.provisioning import KernelProvisionerFactory

import evidence as ev
from evidence.data import schema
from evidence.show.render import compile_all

for room in ev.__all__:
    public = getattr(ev, room)
    for name in public.__all__ if hasattr(public, "__all__") else ():
        getattr(public, name)  # its module is imported now
for module in (
    "evidence.run.worker",
    "linearmodels.iv",
    "linearmodels.panel",
    "matplotlib.pyplot",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "seaborn",
):
    importlib.import_module(module)

# Both read what every installed package offers.
KernelProvisionerFactory.instance()
matplotlib.backends.backend_registry.list_all()
nbformat.validate(nbformat.v4.new_notebook())
compile_all()
# Pandera imports it where it is installed, to make examples of tables: no report asks for one.
absent = sys.modules.setdefault("hypothesis", None) is None
schema.validate_effects(schema.empty(schema.EFFECTS))
if absent:
    del sys.modules["hypothesis"]
ev.Picture(
    name="warm",
    kind="intervals",
    title="Nobody sees this",
    alt="Nothing",
    table=pd.DataFrame({"label": ["a"], "estimate": 0.0, "ci_lower": -1.0, "ci_upper": 1.0}),
).svg()
