"""Parts that need not be there: mail is sorted without them, by rules and by hand; what is said is a note."""

from shared.chain.schedule import TriggerState
from shared.cli.doctor.check import Check
from shared.llm.presence import ModelState
from shared.wiring import Wiring

SHOWN_ACCOUNTS = 5


def optional_checks(root: Wiring) -> list[Check]:
    """Look at the trigger and at the language model."""
    checks = trigger_checks(root.trigger_state(), root.settings.trigger.interval_minutes)
    if not root.settings.classification.asks_llm:
        return [*checks, Check(check="language model", found="not asked: CLASSIFICATION_STRATEGY=rules")]
    return [*checks, model_check(root.llm_state())]


def trigger_checks(state: TriggerState, minutes: int) -> list[Check]:
    """Say who syncs on schedule. None that was begun is a note; one that died, or leaves an account out, is a fault."""
    return [_leader(state, minutes), *_silent(state)]


def _leader(state: TriggerState, minutes: int) -> Check:
    if state.leader is None:
        hint = "scripts/agent up --trigger; without it mail is sorted by scripts/agent sync"
        return Check(check="trigger", found="not running", hint=hint)
    if state.leader.is_alive:
        found = f"{state.leader.holder} leads; an account without an interval of its own is synced every {minutes} min"
        return Check(check="trigger", found=found)
    found = f"{state.leader.holder} led last, and has been silent for {-state.leader.lasts_s:.0f} s"
    return Check(check="trigger", ok=False, found=found, hint="start it again: scripts/agent up --trigger")


def _silent(state: TriggerState) -> list[Check]:
    if not state.silent:
        return []
    shown = [f"{name} (no success in {slots} intervals)" for name, slots in list(state.silent.items())[:SHOWN_ACCOUNTS]]
    more = len(state.silent) - len(shown)
    found = ", ".join(shown) + (f" and {more} more" if more else "")
    return [Check(check="silent accounts", ok=False, found=found, hint="scripts/agent status says why")]


def model_check(state: ModelState) -> Check:
    """Say how the model is doing; what no rule decides waits for it as `uncertain`."""
    if state.fault:
        hint = f"{state.hint or 'start Ollama'}; until then what no rule decides waits"
        return Check(check="language model", found=f"not running: {state.fault}", hint=hint)
    loaded = "in memory" if state.is_loaded else "loaded at the first call"
    return Check(check="language model", found=f"{state.model}, {loaded}; Ollama {state.version} at {state.url}")
