"""The errors of email-agent.

EmailAgentError                 500
├── BadRequest                  400  unreadable JSON, unknown or missing field
│   └── TooLarge                413  the body is over the limit
├── Unauthorized                401  missing, bad or foreign signature
├── NotFound                    404  no such account, run, mail or mailbox
├── Conflict                    409
│   ├── LeaseHeld               409  somebody else works on this account: wait
│   └── StaleClaim              409  our claim ran out and somebody took over: stop, change nothing
├── InvalidRules                422  faults in the rules, each with file:line:column
├── InvalidSettings             422  a setting is missing, unknown or out of range
├── PromptTooLong               422  categories and mail do not fit into the language model's context
├── Busy                        429  too many calls in flight
├── BadAnswer                   502  a dependency answered something we cannot trust
├── DependencyDown              503  a dependency cannot be reached; Retry-After
│   ├── DatabaseDown            503
│   ├── MailServerDown          503
│   │   └── Throttled           503  the server asks us to slow down
│   ├── LoginRefused            503  the mail server refuses this account's login
│   └── LlmDown                 503  the language model cannot be reached, or is left alone after a failure
│       ├── LlmFailed           503  the language model's server broke down over this call
│       ├── LlmBusy             503  the language model's server has too many calls waiting
│       └── ModelMissing        503  the language model's server does not have the model: ollama pull
└── DeadlineExceeded            504  a dependency did not answer in time
"""


class EmailAgentError(Exception):
    """Something went wrong inside email-agent."""

    http_status = 500
    retry_after_s: int | None = None

    def __init__(self, detail: str = "", *, hint: str = "") -> None:
        super().__init__(detail or (type(self).__doc__ or "").strip())
        self.hint = hint

    @property
    def detail(self) -> str:
        """What went wrong, in one sentence without private data."""
        return str(self.args[0])


class BadRequest(EmailAgentError):
    """The request cannot be read."""

    http_status = 400


class TooLarge(BadRequest):
    """The request is larger than this function accepts."""

    http_status = 413


class Unauthorized(EmailAgentError):
    """The signature is missing or does not match."""

    http_status = 401


class NotFound(EmailAgentError):
    """There is no such thing."""

    http_status = 404


class Conflict(EmailAgentError):
    """Somebody else is at work here."""

    http_status = 409


class LeaseHeld(Conflict):
    """Another run works on this account."""

    retry_after_s = 1


class StaleClaim(Conflict):
    """Our claim expired and somebody else took over; nothing was changed."""


class InvalidRules(EmailAgentError):
    """The rules have faults."""

    http_status = 422


class InvalidSettings(EmailAgentError):
    """A setting is missing or invalid."""

    http_status = 422


class PromptTooLong(EmailAgentError):
    """Categories and mail do not fit into the language model's context."""

    http_status = 422


class Busy(EmailAgentError):
    """Too many calls in flight."""

    http_status = 429
    retry_after_s = 1


class BadAnswer(EmailAgentError):
    """A server answered something that cannot be trusted."""

    http_status = 502


class DependencyDown(EmailAgentError):
    """A server this function needs cannot be reached."""

    http_status = 503
    retry_after_s = 5


class DatabaseDown(DependencyDown):
    """PostgreSQL cannot be reached."""


class MailServerDown(DependencyDown):
    """The mail server cannot be reached, or closed the connection."""


class Throttled(MailServerDown):
    """The mail server asks us to slow down."""

    retry_after_s = 60


class LoginRefused(DependencyDown):
    """The mail server refuses the login."""

    retry_after_s = 300


class LlmDown(DependencyDown):
    """The language model cannot be reached."""

    retry_after_s = 30


class LlmFailed(LlmDown):
    """The language model's server broke down over this call."""


class LlmBusy(LlmDown):
    """The language model's server has too many calls waiting."""

    retry_after_s = 10


class ModelMissing(LlmDown):
    """The language model's server does not have the model."""

    retry_after_s = 300


class DeadlineExceeded(EmailAgentError):
    """A server did not answer in time."""

    http_status = 504
