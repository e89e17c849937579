"""The admission controllers that are measured beside each other, and the settings that each of them
was tuned to (tests/slow/tuned.json, which is written by a search, not by hand)."""

import json
import os
import pathlib
import tomllib
from collections.abc import Iterable

DEFAULT = "work_bound"
OTHERS = ("none", "bound", "deadline", "adaptive_bound", "codel", "seda_aimd", "gradient")
CLASSIC = "classic-seda"  # a profile: a pool for each stage, and its controllers
PROFILES = pathlib.Path(__file__).resolve().parents[2] / "config" / "profiles"
TUNED = pathlib.Path(__file__).with_name("tuned.json")


def flat(table: dict, before: str = "") -> list[str]:
    """A table of a config file, as settings."""
    found = []
    for key, value in table.items():
        if isinstance(value, dict):
            found += flat(value, f"{before}{key}.")
        else:
            found.append(f"{before}{key}={value}")
    return found


def own_settings_of(name: str) -> tuple[str, ...]:
    """As settings_of, before it was tuned."""
    if not name:
        return ()
    if name == CLASSIC:
        table = tomllib.loads((PROFILES / f"{name}.toml").read_text())
        table.pop("config_version")
        return tuple(flat(table))
    return (f"stage.submission.controller={name}",)


def here(settings: Iterable[str]) -> tuple[str, ...]:
    """Of this user, as whose tenant the benchmark comes."""
    return tuple(each.replace("{uid}", str(os.getuid())) for each in settings)


def settings_of(name: str) -> tuple[str, ...]:
    """As the command takes them with --set; "" is the node as it is by default."""
    tuned = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    return (*own_settings_of(name), *here(tuned.get(name, {}).get("settings", ())))
