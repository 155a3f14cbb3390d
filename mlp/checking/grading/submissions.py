"""The submissions in a folder: which files are whose, and what cannot be read.

Every file, notebook or folder in it is a submission, named after the student. Files that differ in
their ending only, or by a browser's " (1)", are one student's, as is what the learning platforms
write around a name: `Anna Ma_123_assignsubmission_file_`.
"""

import hashlib
import re
import shutil
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from mlp.checking.grading.exercise import Exercise
from mlp.checking.students.names import plain

READ = (".py", ".ipynb")
PACKED = (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz", ".xz", ".bz2")
PASSED_OVER = {"__pycache__", "__MACOSX", "venv", "node_modules", "site-packages"}
PLATFORM = re.compile(r"^(.+?)_(?:LATE_)?\d+_(?:assignsubmission_|\d+_)")
COPY = re.compile(r"[ _-]*\(\d+\)$")
LARGEST = 2**26
"""Bytes of a submission that are copied."""


@dataclass
class Submission:
    """All that one student has handed in."""

    student: str
    paths: list[Path] = field(default_factory=list)
    """Its files and folders, as they lie in the folder of the class."""

    @property
    def code(self) -> list[Path]:
        """Python files and notebooks."""
        return [file for file in self._files() if file.suffix.lower() in READ]

    @property
    def unreadable(self) -> str | None:
        """Why nothing in it can be graded, if so."""
        if self.code:
            return None
        packed = [f for f in self._files() if f.suffix.lower() in PACKED]
        if packed:
            return f"{packed[0].name} is still packed: unpack it, and grade again"
        others = [f.name for f in self._files()]
        found = f"found {', '.join(sorted(others)[:3])}" if others else "the folder is empty"
        return f"no Python file and no notebook: {found}"

    def _files(self) -> list[Path]:
        """All files, without what is hidden or made by tools."""
        files: list[Path] = []
        for path in self.paths:
            inside = [path] if path.is_file() else sorted(path.rglob("*"))
            plain_files = [f for f in inside if f.is_file() and not f.is_symlink()]
            files += [f for f in plain_files if not _passed_over(f, path)]
        return files

    def relevant(self, exercise: Exercise) -> list[Path]:
        """The code files that define something of the exercise; all, if none seems to."""
        wanted = {plain(t.name) for t in exercise.tasks}
        if exercise.network and exercise.network.made_by:
            wanted.add(plain(exercise.network.made_by))
        found = [f for f in self.code if wanted & defined(f)]
        return found or self.code

    def digest(self, *further: bytes) -> str:
        """Of all its code, and of what else decides the result."""
        total = hashlib.sha256()
        for piece in further:
            total.update(hashlib.sha256(piece).digest())
        for file in self._files():
            root = next(p for p in self.paths if p == file or p in file.parents)
            name = unicodedata.normalize("NFC", str(file.relative_to(root.parent)))
            total.update(hashlib.sha256(name.encode(errors="surrogateescape")).digest())
            total.update(hashlib.sha256(file.read_bytes()).digest())
        return total.hexdigest()

    def copy_to(self, folder: Path) -> dict[Path, Path]:
        """Copies of everything under names that tell nobody's; the copies of the code files."""
        if (size := sum(f.stat().st_size for f in self._files())) > LARGEST:
            raise ValueError(f"it has {size / 2**20:.0f} MiB, more than {LARGEST >> 20} MiB")
        copies = {}
        for number, path in enumerate(self.paths, start=1):
            for file in Submission(self.student, [path])._files():
                place = folder / f"part{number}"
                if path.is_dir():
                    place = place / file.relative_to(path)
                else:
                    place = place / f"submission{file.suffix.lower()}"
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
                copies[file] = place
        return copies


def _passed_over(file: Path, root: Path) -> bool:
    parts = file.relative_to(root.parent).parts
    return any(part.startswith(".") or part in PASSED_OVER for part in parts)


def defined(file: Path) -> set[str]:
    """Names of classes and functions in the text of a file, plain, as those of layers."""
    text = file.read_text(encoding="utf-8", errors="replace")
    names = re.findall(r"\b(?:class|def)\s+(\w+)", text)
    return {plain(re.sub(r"_(forward|backward)$", "", name)) for name in names}


def student_of(path: Path) -> str:
    """The student's name in the name of a file or folder."""
    name = unicodedata.normalize("NFC", path.name if path.is_dir() else path.stem)
    name = name.removesuffix(".tar")
    on_platform = PLATFORM.match(name)
    return COPY.sub("", on_platform[1] if on_platform else name).strip() or name


def find_submissions(folder: Path, besides: Collection[Path] = ()) -> list[Submission]:
    """One for each student, by name, `besides` other things; OSError if there is no folder."""
    found: dict[str, Submission] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in PASSED_OVER or path in besides:
            continue
        student = student_of(path)
        found.setdefault(student.casefold(), Submission(student)).paths.append(path)
    return sorted(found.values(), key=lambda s: s.student.casefold())
