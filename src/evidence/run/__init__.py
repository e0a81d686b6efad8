"""Execute the notebooks with papermill."""

import sys

# Importing papermill compiles IRI grammars through jsonschema (0.8 s); nbformat needs none of them.
sys.modules.setdefault("rfc3987_syntax", None)
