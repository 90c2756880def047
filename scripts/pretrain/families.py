"""The families of embedded policies, by the name that the scripts' --family takes."""

import json
from pathlib import Path

import fluxpolicy
import qwenpolicy

FAMILIES = {"kontext": fluxpolicy, "qwen": qwenpolicy}


def load(folder):
    """The policy of a diffusers folder."""
    name = json.loads((Path(folder) / "model_index.json").read_text())["_class_name"]
    return next(family.Policy for family in FAMILIES.values() if family.Policy.PIPELINE == name).load(folder)
