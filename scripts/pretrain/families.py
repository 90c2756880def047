"""The families of embedded policies, by the name that the scripts' --family takes."""

import json
from pathlib import Path

import flux_policy
import qwen_policy

FAMILIES = {"kontext": flux_policy, "qwen": qwen_policy}


def load(folder):
    """The policy of a diffusers folder."""
    name = json.loads((Path(folder) / "model_index.json").read_text())["_class_name"]
    return next(family.Policy for family in FAMILIES.values() if name == family.Policy.PIPELINE).load(folder)
