"""Steps that were cut off, or whose ground has moved since, are not taken for done; each in a shell of its own."""

import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT

CHAIN = """-A EMAIL-AGENT -i lo -j ACCEPT
-A EMAIL-AGENT -i openfaas0 -p tcp -m multiport --dports 5432,8081,11434 -j ACCEPT
-A EMAIL-AGENT -p tcp -m multiport --dports 5432,8080,8081,8082,9090,11434 -j DROP
-A EMAIL-AGENT -p tcp -m multiport --dports 80,443 -j ACCEPT
"""
JUMP = "-A INPUT -j EMAIL-AGENT\n"
GUARD = "-A FORWARD ! -i openfaas0 -o openfaas0 -m conntrack --ctstate NEW -j DROP\n"
FIREWALL = f"""
tables() {{ printf 'iptables\\n'; }}
iptables() {{
    case $2 in
    INPUT) echo '{JUMP.strip()}' ;;
    FORWARD) echo '{GUARD.strip()}' ;;
    *) printf '%s\\n' '-N EMAIL-AGENT' '{CHAIN.strip()}' ;;
    esac
}}
SAVED=.
done_firewall
"""


def shell(folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script that has the deployment's functions at hand."""
    versions = ROOT / "scripts" / "deploy" / "versions.sh"
    parts = [versions, *sorted(versions.parent.glob("*.sh"))]
    given = f"set -Eeuo pipefail\ndry_run=no yes=no with_llm=yes model=m arch=x86_64 log={folder}/log root={ROOT}\n"
    text = given + "".join(f". {part}\n" for part in parts) + f"CONFIG={folder}\ncd {folder}\n" + script
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("saved", "expected"),
    [
        ("", 1),
        (CHAIN + GUARD, 1),
        (JUMP + CHAIN, 1),
        (JUMP + GUARD + CHAIN.replace("9090,", ""), 1),
        (JUMP + GUARD + CHAIN, 0),
    ],
    ids=["nothing saved", "no jump", "no guard", "older rules", "all"],
)
def test_a_firewall_that_is_not_saved_is_not_done(tmp_path: Path, saved: str, expected: int) -> None:
    """Rules that a reboot would lose are made and saved again."""
    (tmp_path / "rules.v4").write_text(saved)

    assert expected == shell(tmp_path, FIREWALL).returncode


def test_an_ollama_that_is_half_unpacked_is_not_done(tmp_path: Path) -> None:
    """Its archive goes when all of it is unpacked; as long as that is there, it is unpacked again."""
    script = "has() { :; }\nsame() { :; }\nOLLAMA_ARCHIVE=archive\n"

    assert 0 == shell(tmp_path, script + "done_ollama").returncode
    assert 1 == shell(tmp_path, script + "touch archive; done_ollama").returncode


def test_half_of_a_download_has_not_its_name(tmp_path: Path) -> None:
    """Who dies while a program is put in place leaves none, rather than half of one."""
    fakes = """
curl() { while [ $# -gt 1 ]; do shift; done; printf whole >"$1"; }
install() { printf half >"${!#}"; return 1; }
sha256sum() { printf '%064d  -' 0; }
grep() { printf '%064d\\n' 0; }
"""
    done = shell(tmp_path, fakes + "download https://x.example/f https://x.example/s program")

    assert (False, True) == (done.returncode == 0, (tmp_path / "program.new").exists())
    assert not (tmp_path / "program").exists()


def test_functions_with_an_older_secret_are_not_done(tmp_path: Path) -> None:
    """A key that was rotated since the functions were given it is given anew."""
    (tmp_path / "secrets").mkdir()
    for name in ("function-signing-key", "fernet-keys", "postgres-url.functions"):
        (tmp_path / "secrets" / name).write_text("old")
    script = (
        'release() { printf R; }\nGIVEN=given\nrunning_image() { image "$1"; }\nanswers() { :; }\nsecrets_now >given\n'
    )

    assert 0 == shell(tmp_path, script + "done_functions").returncode
    assert 1 == shell(tmp_path, script + "printf new >secrets/fernet-keys; done_functions").returncode


def test_the_agents_user_can_read_the_program(tmp_path: Path) -> None:
    """A checkout that only its owner may read becomes a release that all may read, and none but root write."""
    script = """
umask 077
root=$PWD/tree PROGRAM=$PWD/program
git init -q tree && echo one >tree/file && chmod 600 tree/file && git -C tree add file
umask 022
run() { case $1 in python3) ;; *) "$@" ;; esac }
release() { printf R; }
do_code
"""
    shell(tmp_path, script)

    assert 0o644 == (tmp_path / "program" / "current" / "file").stat().st_mode & 0o777


def test_two_changed_checkouts_are_two_releases(tmp_path: Path) -> None:
    """What was edited since the last run is deployed, and a name from a tag leads to no other folder."""
    script = """
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@x.example
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@x.example
root=$PWD/tree
git init -q tree && echo one >tree/file && git -C tree add file && git -C tree commit -qm one
git -C tree tag -a -m release release/1
release; echo
echo two >tree/file; release; echo
echo three >tree/file; release; echo
"""
    clean, two, three = shell(tmp_path, script).stdout.split()

    assert "release-1" == clean
    assert 2 == len({two, three} - {clean})


@pytest.mark.parametrize("password", ["x'; ALTER ROLE email_agent SUPERUSER; --", ""])
def test_a_password_stays_within_its_quotes(tmp_path: Path, password: str) -> None:
    """The file of the secret belongs to the agent's user: it cannot make itself PostgreSQL's administrator."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "postgres-url").write_text(f"postgresql://email_agent:{password}@127.0.0.1/email_agent")

    done = shell(tmp_path, "as_postgres() { cat; }\ndo_database")

    assert (1, "") == (done.returncode, done.stdout)
    assert "ALTER ROLE" not in done.stderr


def test_a_log_elsewhere_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    """`--log /tmp/deploy.log` must not shut /tmp."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o1777)

    shell(tmp_path, "log=open/deploy.log; open_log")

    assert (0o41777, 0o640) == (folder.stat().st_mode, (folder / "deploy.log").stat().st_mode & 0o777)
