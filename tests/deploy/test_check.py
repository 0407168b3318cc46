"""`deploy-oracle-arm.sh --check` on machines that lack something."""

import pytest

from tests.deploy.conftest import Check


def test_a_machine_as_meant_passes(check: Check) -> None:
    """Nothing stands in the way of a machine with all that is asked for."""
    done = check({})

    assert (0, "") == (done.returncode, done.stderr)
    assert "nothing stands in the way" in done.stdout


@pytest.mark.parametrize(
    ("machine", "title", "words"),
    [
        ({"os-release": "ID=ubuntu\nVERSION_ID=22.04\n"}, "system", "Ubuntu 24.04 or Debian 12"),
        ({"os-release": "ID=fedora\nVERSION_ID=41\n"}, "system", "Ubuntu 24.04 or Debian 12"),
        ({"nproc": "echo 1"}, "cores", "2 are needed"),
        ({"free": "printf 'Mem: 6000 1 1\\nSwap: 0 0 0\\n'"}, "memory", "--without-llm needs"),
        ({"df": "printf 'Avail\\n900\\n'"}, "disk", "MB are needed"),
        (
            {"ss": """case $2 in *:80) echo 'LISTEN 0 5 *:80 *:* users:(("apache2",pid=7,fd=4))' ;; esac"""},
            "ports",
            "stop what listens there",
        ),
    ],
    ids=["old ubuntu", "other system", "cores", "memory", "disk", "ports"],
)
def test_what_is_missing_is_named_with_what_to_do(
    check: Check, machine: dict[str, str], title: str, words: str
) -> None:
    """A machine that lacks one thing fails with that line alone, and the line after it says what helps."""
    done = check(machine)

    crosses = [line for line in done.stdout.splitlines() if line.startswith("  -- ")]
    assert 1 == done.returncode
    assert [title] == [line.split()[1] for line in crosses]
    assert words in done.stdout.split(crosses[0])[1].splitlines()[1]


def test_our_own_servers_do_not_take_the_ports(check: Check) -> None:
    """A machine that was deployed to before passes: its ports are taken by what belongs there."""
    done = check({"ss": """case $2 in *:5432) echo 'LISTEN 0 5 *:5432 *:* users:(("postgres",pid=7,fd=4))' ;; esac"""})

    assert 0 == done.returncode


def test_oracles_reject_is_seen(check: Check) -> None:
    """A firewall that ends with REJECT, as on Oracle's images, is told about and stops nothing."""
    done = check({"iptables": "echo '-A INPUT -j REJECT --reject-with icmp-host-prohibited'"})

    assert 0 == done.returncode
    assert "the step firewall puts our rules before it" in done.stdout
