"""The admission controllers that are measured beside each other, and the settings that each of them
was tuned to (tests/slow/tuned.json, which is written by a search, not by hand)."""

import json
import pathlib

DEFAULT = "work_bound"
OTHERS = ("none", "bound", "deadline", "adaptive_bound", "codel", "seda_aimd", "gradient")
CLASSIC = "classic-seda"  # a profile: a pool for each stage, and its controllers
TUNED = pathlib.Path(__file__).with_name("tuned.json")


def settings_of(name: str) -> tuple[str, ...]:
    """As the command takes them with --set; "" is the node as it is by default."""
    if not name:
        return ()
    tuned = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    first = f"profile={name}" if name == CLASSIC else f"stage.submission.controller={name}"
    return (first, *tuned.get(name, {}).get("settings", ()))
