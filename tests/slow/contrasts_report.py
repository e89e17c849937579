"""The figures of contrasts.py as a table: a row for each controller, a column for each scenario."""

NEAR = 0.02  # of the best of a column: as good as it


def mean(figures: list[float]) -> float:
    return sum(figures) / len(figures)


def best_of(found: dict[str, dict[str, dict]], scenario: str) -> float:
    figures = [rows[scenario]["figure"] for rows in found.values() if scenario in rows]
    return max((each for each in figures if each is not None), default=0.0)


def cell(row: dict | None, best: float) -> str:
    """Bold is what is as good as the best; a star is on what was disturbed."""
    if row is None:
        return "–"
    if row["figure"] is None:
        return "failed"
    text = f"{row['figure']:.2f}"
    if row["figure"] >= best - NEAR:
        text = f"**{text}**"
    if row["second"] is not None:
        text += f" ({row['second']:.2f})"
    return text + ("*" if row["void"] else "")


def table(found: dict[str, dict[str, dict]], scenarios: tuple[str, ...]) -> str:
    """In Markdown. Controllers of which nothing has been measured have no row; the mean and the
    least are of those that have been measured in all scenarios."""
    whole = [["controller", *scenarios, "mean", "least"]]
    for name, rows in found.items():
        if not rows:
            continue
        line = [f"`{name}`"]
        line += [cell(rows.get(scenario), best_of(found, scenario)) for scenario in scenarios]
        figures = [rows[each]["figure"] for each in scenarios if each in rows]
        if len(figures) == len(scenarios) and None not in figures:
            line += [f"{mean(figures):.2f}", f"{min(figures):.2f}"]
        else:
            line += ["–", "–"]
        whole.append(line)
    texts = ["| " + " | ".join(line) + " |" for line in whole]
    return "\n".join([texts[0], "|" + "---|" * len(whole[0]), *texts[1:]])
