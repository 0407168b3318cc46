"""The functions' images: laid out by faas-cli from stack.yml, built by buildah, as on a server."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from functions.gateway import NAMES
from tests.openfaas.programs import PATHS, path_of

ROOT = Path(__file__).resolve().parents[2]
TREE = ("stack.yml", "functions", "shared", "rules", "template", "config", "requirements.txt", ".dockerignore")
TAG = "test"
DEBIAN = ("bookworm", "http://deb.debian.org/debian")
PACKAGES = "python3,python3-venv,ca-certificates"
PIP = (Path("/etc/pip.conf"), Path("/etc/ssl/certs/ca-certificates.crt"))
"""What tells this machine's pip where its index is, and whom to trust; lent to the build, left out of the image."""
BUILD_TIMEOUT_S = 1800


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Builds images; its base image and its layers stay in a folder, which makes the next session quick."""

    folder: Path

    def build(self, tree: Path) -> Iterator[Path]:
        """Build the four functions of a tree and yield an archive of each."""
        faas_cli_build(tree)
        base, watchdog = self.base_image(), self.watchdog_image()
        for name in NAMES:
            words = ["bud", "--layers", "--quiet", "--tag", image(name)]
            words += ["--build-arg", f"PYTHON_IMAGE={base}", "--build-arg", f"WATCHDOG_IMAGE={watchdog}"]
            words += [word for path in PIP if path.exists() for word in ("--volume", f"{path}:{path}:ro")]
            self.buildah(*words, str(tree / "build" / name))
            archive = tree / f"{name}.tar"
            self.buildah("push", "--quiet", image(name), f"docker-archive:{archive}:{image(name)}")
            yield archive

    def base_image(self) -> str:
        """Return TEST_PYTHON_IMAGE, or a minimal Debian with its Python, made here once."""
        given = os.environ.get("TEST_PYTHON_IMAGE")
        name = given or "localhost/email-agent-test/python:bookworm"
        if not given and not self.has(name):
            root = self.folder / "debian"
            shutil.rmtree(root, ignore_errors=True)
            run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", DEBIAN[0], str(root), DEBIAN[1])
            shutil.rmtree(root / "var/lib/apt/lists")
            shutil.rmtree(root / "var/cache/apt/archives")
            self._from_scratch(name, root, "/")
        return name

    def watchdog_image(self) -> str:
        """Return an image with nothing but the of-watchdog of this machine, as its makers' images are."""
        binary = Path(path_of("of-watchdog") or "")
        name = f"localhost/email-agent-test/of-watchdog:{hashlib.sha256(binary.read_bytes()).hexdigest()[:12]}"
        if not self.has(name):
            self._from_scratch(name, binary, "/fwatchdog")
        return name

    def megabytes(self, name: str) -> float:
        """Return how large an image is."""
        return int(self.buildah("inspect", "--type", "image", "--format", "{{.Docker.Size}}", name) or 0) / 1e6

    def has(self, name: str) -> bool:
        """Tell whether an image is there already."""
        return bool(self.buildah("images", "--quiet", "--filter", f"reference={name}").strip())

    def buildah(self, *words: str) -> str:
        """Run buildah on the images of this workshop."""
        return run("buildah", "--root", f"{self.folder}/images", "--runroot", f"{self.folder}/running", *words)

    def _from_scratch(self, name: str, source: Path, target: str) -> None:
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(source), target)
        self.buildah("commit", "--quiet", "--rm", container, name)


def image(name: str, tag: str = TAG) -> str:
    """Return the name that stack.yml gives an image when REGISTRY is localhost."""
    return f"localhost/email-agent/{name}:{tag}"


def copy_of_the_tree(target: Path) -> Path:
    """Copy what an image is made of; the repository may change while the tests run."""
    target.mkdir()
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target / name)
    return target


def faas_cli_build(tree: Path) -> None:
    """Lay out build/<function>/ as `faas-cli build` does before it calls docker."""
    variables = {"OPENFAAS_CONFIG": str(tree / ".openfaas"), "REGISTRY": "localhost", "TAG": TAG}
    run("faas-cli", "build", "--shrinkwrap", "-f", "stack.yml", folder=tree, **variables)


def run(*words: str, folder: Path | None = None, **variables: str) -> str:
    """Run a program with low priority and return what it prints."""
    environment = {"PATH": PATHS, "HOME": "/root", "LANG": "C.UTF-8", "BUILDAH_ISOLATION": "chroot"} | variables
    done = subprocess.run(
        ["nice", "-n", "10", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_TIMEOUT_S,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-3000:]}{done.stdout[-3000:]}")
    return done.stdout
