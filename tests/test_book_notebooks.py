"""Running a notebook: parameters, failures, kernels."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from dfe.config import ConfigError, load_profile, override
from dfe.jobs import Job, running_job
from dfe.notebooks import NotebookError, _Run, execute
from dfe.parameters import reject_unknown

DECLARED = 'profile = "quick"  # which\nsteps = None  # how many'
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write_notebook(checkout: Path, *cells: str) -> None:
    parameters = new_code_cell(DECLARED, metadata={"tags": ["parameters"]})
    notebook = new_notebook(
        cells=[parameters, *(new_code_cell(cell) for cell in cells)], metadata=KERNEL
    )
    nbformat.write(notebook, checkout / "notebooks" / "page.ipynb")


@pytest.mark.parametrize(
    "cells",
    [
        [DECLARED, "check_parameters()"],
        [DECLARED, '# Parameters\nprofile = "smoke"\n', "check_parameters()"],
        ["%matplotlib inline\nx = 1", DECLARED, "# Parameters\nsteps = 3\n"],
        [DECLARED.replace("steps =", "steps: int | None ="), "# Parameters\nsteps = 3\n"],
    ],
)
def test_declared_parameters_pass(cells: list[str]) -> None:
    reject_unknown(cells)


def test_an_undeclared_parameter_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown parameter stpes: .*\['profile', 'steps'\]"):
        reject_unknown([DECLARED, '# Parameters\nprofile = "smoke"\nstpes = 3\n'])


def test_a_whole_run(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: a broken kernel of the same name in the user's folders is passed over."""
    kernel = checkout / "home" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["false"], "display_name": "x", "language": "python"}))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(checkout / "home"))
    monkeypatch.setenv("JUPYTER_PATH", str(checkout / "home"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    write_notebook(checkout, "import sys\nprint(profile, steps, sys.executable)")
    (checkout / "build" / "smoke" / "failed").mkdir(parents=True)
    (checkout / "build" / "smoke" / "failed" / "page.ipynb").touch()  # of an earlier failure
    done = execute("page", load_profile("smoke"), {"steps": 3})
    assert done == checkout / "build" / "smoke" / "notebooks" / "page.ipynb"
    (output,) = nbformat.read(done, as_version=4).cells[-1].outputs
    assert output.text.strip() == f"smoke 3 {sys.executable}"
    assert [path.name for path in done.parent.iterdir()] == ["page.ipynb"]
    assert list((checkout / "build" / "smoke" / "failed").iterdir()) == []


def test_a_failed_cell_is_shown_and_the_notebook_kept_aside(checkout: Path) -> None:
    write_notebook(checkout, "print('first')", "# the cell\nraise ValueError('no such face')")
    done = checkout / "build" / "smoke" / "notebooks" / "page.ipynb"
    done.parent.mkdir(parents=True)
    done.write_text("an earlier, whole run")
    with pytest.raises(NotebookError) as caught:
        execute("page", load_profile("smoke"))
    for part in ("page.ipynb", "cell [4]", "# the cell", "ValueError: no such face"):
        assert part in str(caught.value)
    kept = nbformat.read(checkout / "build" / "smoke" / "failed" / "page.ipynb", as_version=4)
    assert any("first" in str(cell.get("outputs")) for cell in kept.cells)
    assert done.read_text() == "an earlier, whole run"
    assert list(done.parent.iterdir()) == [done]


def test_a_dead_kernel_is_an_error(checkout: Path) -> None:
    write_notebook(checkout, "import os\nos._exit(9)")
    with pytest.raises(
        NotebookError, match=r"(?s)page.ipynb: the kernel died in cell \[3\].*os._exit\(9\)"
    ):
        execute("page", load_profile("smoke"))
    assert not (checkout / "build" / "smoke" / "notebooks" / "page.ipynb").exists()


def test_an_unknown_parameter_fails_the_run(checkout: Path) -> None:
    write_notebook(checkout, "from dfe.parameters import check_parameters\ncheck_parameters()")
    with pytest.raises(NotebookError, match="unknown parameter stpes"):
        execute("page", load_profile("smoke"), {"stpes": 3})


def test_an_unknown_notebook_is_named(checkout: Path) -> None:
    write_notebook(checkout)
    with pytest.raises(NotebookError, match=r"no notebook 'pgae'.*known: \['page'\]"):
        execute("pgae", load_profile("smoke"))


def outputs(path: Path) -> str:
    (output,) = nbformat.read(path, as_version=4).cells[-1].outputs
    return str(output.text).strip()


SHOW = "import os\nprint(os.environ['DFE_OUTPUT'], os.getcwd())"


@pytest.mark.parametrize("before", [None, "elsewhere"])
def test_a_page_knows_where_its_results_go(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.delenv("DFE_OUTPUT", raising=False)
    if before:
        monkeypatch.setenv("DFE_OUTPUT", before)
    write_notebook(checkout, SHOW)
    folder = checkout / "build" / "smoke" / "sweeps" / "page" / "steps=3"
    done = execute("page", load_profile("smoke"), {"steps": 3}, folder)
    assert done == folder / "notebooks" / "page.ipynb"
    assert outputs(done) == f"{folder} {checkout}" and os.environ.get("DFE_OUTPUT") == before
    assert not (checkout / "build" / "smoke" / "notebooks").exists()


def test_a_failure_in_another_folder(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DFE_OUTPUT", raising=False)
    write_notebook(checkout, "1 / 0")
    failed = checkout / "apart" / "failed" / "page.ipynb"
    with pytest.raises(NotebookError, match=f"The half-executed notebook: {failed}"):
        execute("page", load_profile("smoke"), folder=checkout / "apart")
    assert failed.is_file() and "DFE_OUTPUT" not in os.environ


def test_a_record_says_at_which_cell_a_notebook_is(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, int, str]] = []
    monkeypatch.setattr(Job, "at_cell", lambda job, *step: steps.append(step))
    write_notebook(checkout, "# first\n1", "2")
    with running_job(load_profile("smoke"), "notebook-page") as job:
        execute("page", load_profile("smoke"), job=job)
    injected = steps[1][2]
    assert injected.startswith("# Parameters") and "smoke" in injected
    assert steps == [(1, 4, DECLARED), (2, 4, injected), (3, 4, "# first\n1"), (4, 4, "2")]


def test_a_notebook_that_runs_too_long_is_stopped(checkout: Path) -> None:
    write_notebook(checkout, "import time\ntime.sleep(600)")
    profile = override(load_profile("smoke"), {"notebook_hours": 0.0002})
    with pytest.raises(NotebookError) as caught:
        execute("page", profile)
    for part in (
        "stopped in cell [3] after 0.0002 h, the limit of a notebook (`notebook_hours`",
        "--- the cell\nimport time\ntime.sleep(600)",
    ):
        assert part in str(caught.value)
    assert not (checkout / "build" / "smoke" / "notebooks" / "page.ipynb").exists()


def test_the_limit_is_of_the_whole_notebook(checkout: Path) -> None:
    run = _Run(checkout, checkout, checkout, 100, None)
    assert 99 < run._left(None) <= 100
    run.clock -= 60
    assert 39 < run._left(None) <= 40
    run.clock -= 60
    assert run._left(None) == 1, "0 would mean no limit"
