"""The command `mlp` and the scripts, started in every way that there is."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import mlp
from mlp.commands import console, processor
from mlp.data.dataset import DIGITS

pytestmark = pytest.mark.no_numbers

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = "import sys; from mlp.commands.console import main; sys.argv[0] = 'mlp'; sys.exit(main())"
PYTHON = sys.executable
INSTALLED = Path(PYTHON).with_name("mlp")
ENTRIES = {
    "mlp": [str(INSTALLED)] if INSTALLED.exists() else [PYTHON, "-P", "-c", CONSOLE],
    "python -m mlp": [PYTHON, "-m", "mlp"],
    "python -P -m mlp": [PYTHON, "-P", "-m", "mlp"],
}
SCRIPTS = {
    "train": [PYTHON, str(ROOT / "scripts" / "train.py")],
    "check": [PYTHON, str(ROOT / "scripts" / "gradcheck.py")],
}
LAYER = """
class Double:
    def forward(self, x):
        return 2 * x

    def backward(self, upstream):
        return 2 * upstream
"""

# Python runs a module of this name when it starts; at the end this one says what NumPy took.
REPORTER = """
import atexit, json, os, sys

def report():
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_info
        with open(os.environ["REPORT"], "w") as file:
            cores = len(os.sched_getaffinity(0))  # OpenBLAS takes no more threads than that
            json.dump([os.environ.get("OPENBLAS_CORETYPE"), cores, threadpool_info()], file)

atexit.register(report)
"""


def run(command, *words, cwd=None, **variables):
    environment = {k: v for k, v in os.environ.items() if k not in processor.THREADS}
    environment |= {"PYTHONPATH": str(ROOT), "COLUMNS": "80"} | variables
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    words = map(str, (*command, *words))
    return subprocess.run(
        list(words), cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


def entries_of(program):
    """Every way to start a program: a name for it, and the words."""
    ways = {called: [*words, program] for called, words in ENTRIES.items()}
    if program in SCRIPTS:
        ways[Path(SCRIPTS[program][1]).name] = SCRIPTS[program]
    if mpi := shutil.which("mpiexec"):
        ways["mpiexec"] = [mpi, "-n", "1", *ENTRIES["mlp"], program]
    return ways


@pytest.fixture
def report(tmp_path):
    """Run a command; its OPENBLAS_CORETYPE, cores, and what each OpenBLAS took, at its end."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(REPORTER)

    def ask(command, *words, **variables):
        file = tmp_path / "report.json"
        file.unlink(missing_ok=True)
        path = os.pathsep.join([str(folder), str(ROOT)])
        done = run(command, *words, cwd=tmp_path, PYTHONPATH=path, REPORT=str(file), **variables)
        assert done.returncode == 0, done.stderr
        setting, cores, pools = json.loads(file.read_text())
        return setting, cores, [pool for pool in pools if pool["internal_api"] == "openblas"]

    return ask


@pytest.mark.parametrize("way", entries_of("train"))
def test_a_training_has_the_threads_that_were_asked_for(report, way):
    words = ("--epochs", "1", "--hidden", "8", "--quiet", "--threads", "1")
    _, _, pools = report(entries_of("train")[way], *words)
    assert {pool["num_threads"] for pool in pools} == {1}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("way", entries_of("check"))
def test_a_check_has_the_threads_that_were_asked_for(report, way, threads):
    words = ("--layer", "ReLU()", f"--threads={threads}")
    _, cores, pools = report(entries_of("check")[way], *words)
    assert {pool["num_threads"] for pool in pools} == {min(threads, cores)}


@pytest.mark.parametrize("way", entries_of("check"))
def test_the_kernel_is_what_the_processor_can_run(report, way, monkeypatch):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    command = [*entries_of("check")[way], "--layer", "ReLU()"]
    setting, _, pools = report(command)
    wide = processor.is_amd_with_avx512(processor._first_core())
    assert setting == ("SkylakeX" if wide else None)
    if wide:
        assert {pool["architecture"] for pool in pools} == {"SkylakeX"}
    if sys.platform == "linux" and os.uname().machine == "x86_64":  # all of these have Nehalem's
        setting, _, pools = report(command, OPENBLAS_CORETYPE="Nehalem")
        assert setting == "Nehalem"
        assert {pool["architecture"] for pool in pools} == {"Nehalem"}


ZEN_5 = (
    "vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9755\nflags\t\t: fpu avx2 fma bmi1 bmi2 "
    "avx512f avx512dq avx512cd avx512bw avx512vl avx512_bf16"
)


@pytest.mark.parametrize(
    ("core", "wide"),
    [
        (ZEN_5, True),
        (ZEN_5.replace("AuthenticAMD", "GenuineIntel"), False),
        (ZEN_5.replace(" avx512vl", ""), False),
        (ZEN_5.replace(" avx512f", " avx512fp16"), False),
        (ZEN_5.replace(" fma", ""), False),
        (ZEN_5.replace("flags", "features"), False),
        (ZEN_5.replace("AuthenticAMD", "HygonGenuine") + "\nnote: AuthenticAMD", False),
        ("", False),
    ],
)
def test_skylakex_is_for_amd_with_all_that_its_kernels_use(core, wide, monkeypatch):
    assert processor.is_amd_with_avx512(core) is wide
    monkeypatch.setattr(processor, "_first_core", lambda: core)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    processor.use_widest_kernels()
    assert os.environ.get("OPENBLAS_CORETYPE") == ("SkylakeX" if wide else None)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    processor.use_widest_kernels()
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
    processor.use_widest_kernels(replace=True)
    assert os.environ["OPENBLAS_CORETYPE"] == ("SkylakeX" if wide else "Haswell")


@pytest.mark.parametrize("program", console.PROGRAMS)
def test_help_and_errors_show_the_command_as_it_was_called(program):
    for called, command in entries_of(program).items():
        if called == "mpiexec":
            continue
        named = called if called.endswith(".py") else f"{called} {program}"
        shown = run(command, "--help")
        assert shown.returncode == 0
        assert shown.stdout.startswith(f"usage: {named} [-h]")
        assert max(map(len, shown.stdout.splitlines())) <= 80
        wrong = run(command, "--nonsense")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        assert wrong.stderr.startswith(f"{named}: ")
        assert wrong.stderr.endswith(f"; see {named} --help\n")
        assert wrong.stderr.count("\n") == 1


def test_predict_is_a_word_of_the_training_script():
    command = [*SCRIPTS["train"], "predict"]
    assert run(command, "--help").stdout.startswith("usage: train.py predict [-h]")
    lost = run(command, "nowhere", DIGITS)
    assert (lost.returncode, lost.stderr.count("\n")) == (3, 1)
    assert lost.stderr.startswith("train.py predict: nowhere: No such file")


@pytest.mark.parametrize("called", ENTRIES)
def test_the_command_alone(called):
    command = ENTRIES[called]
    assert run(command, "--version").stdout == f"mlp {mlp.__version__}\n"
    shown = run(command, "--help")
    assert shown.returncode == 0
    assert all(f"  {name} " in shown.stdout for name in console.PROGRAMS)
    bare = run(command)
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", shown.stdout)
    unknown = run(command, "trian", "--epochs", "2")
    assert unknown.returncode == 2
    assert unknown.stderr.startswith(f"{called}: ")
    assert "'trian'" in unknown.stderr
    assert "check" in unknown.stderr
    assert unknown.stderr.count("\n") == 1


def test_a_file_of_your_own_that_is_called_like_the_package(tmp_path):
    (tmp_path / "mlp.py").write_text(f"print('mine')\n{LAYER}")
    assert run(ENTRIES["python -m mlp"], "--version", cwd=tmp_path).stdout == "mine\n"
    for called in ("mlp", "python -P -m mlp"):
        assert run(ENTRIES[called], "--version", cwd=tmp_path).stdout.startswith("mlp ")
        checked = run(ENTRIES[called], "check", "mlp.py", cwd=tmp_path)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert "PASS" in checked.stdout
        assert "Double" in checked.stdout


ENDLESS = """
import os, pathlib
pathlib.Path("running").write_text(str(os.getpid()))
while True:
    pass
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_check_leaves_no_process_behind(tmp_path, number, status):
    (tmp_path / "endless.py").write_text(ENDLESS)
    command = [*ENTRIES["mlp"], "check", "endless.py"]
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    how = {"cwd": tmp_path, "env": environment, "stdout": pipe, "stderr": pipe, "text": True}
    with subprocess.Popen(command, **how) as process:
        running = tmp_path / "running"
        while not (running.exists() and running.read_text()):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (status, "", "mlp check: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(running.read_text()), 0)


def test_a_folder_is_no_file_of_layers(tmp_path):
    folder = run(SCRIPTS["check"], tmp_path)
    assert (folder.returncode, folder.stderr.count("\n")) == (2, 1)
    assert f"--model {tmp_path}" in folder.stderr
    lost = run(SCRIPTS["check"], "--model", tmp_path / "none")
    assert lost.returncode == 2
    what = f"{tmp_path}/none/model.npz: No such file or directory; expected the folder of a run"
    assert lost.stderr == f"gradcheck.py: {what}\n"


def test_one_thing_is_checked_at_a_time(tmp_path):
    (tmp_path / "layers.py").write_text(LAYER)
    both = run(SCRIPTS["check"], tmp_path / "layers.py", "--layer", "ReLU()")
    assert (both.returncode, both.stderr.count("\n")) == (2, 1)
    assert "not allowed with" in both.stderr


def test_loading_the_package_and_the_command_loads_no_numpy():
    text = "import sys, mlp, mlp.commands.console; print('numpy' in sys.modules)"
    assert run([PYTHON, "-c", text]).stdout == "False\n"


def test_the_package_holds_the_digits():
    assert DIGITS.parent == Path(mlp.__file__).parent / "data"
    assert DIGITS.read_bytes() == (ROOT / "data" / "digits.csv.gz").read_bytes()
