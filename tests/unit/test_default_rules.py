"""rules/default.yml: what the shipped rules promise to who keeps them."""

import datetime as dt
import re
from functools import cache
from pathlib import Path

import pytest

from shared.records import ActionKind, Attachment, StoredEmail
from shared.rules.decide import decide
from shared.rules.fetch_plan import fetch_plan
from shared.rules.load import load_rule_files
from shared.rules.model import Decision
from shared.rules.rule_set import RuleSet
from shared.status import Status

PATH = Path(__file__).parents[2] / "rules" / "default.yml"
NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
MAX_LINE_CHARS = 120
MAX_DESCRIPTION_CHARS = 120

# Whoever has an address there is a person; a list of senders that names one of them would take everybody's mail.
MAIL_PROVIDERS = {
    *("aol.com", "free.fr", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com"),
    *("laposte.net", "live.com", "mail.com", "me.com", "movistar.es", "msn.com", "o2online.de", "orange.fr"),
    *("outlook.com", "pm.me", "proton.me", "protonmail.com", "sfr.fr", "t-online.de", "vodafone.de", "wanadoo.fr"),
    *("web.de", "yahoo.com", "yahoo.fr"),
}
DOMAIN = re.compile(r"([a-z0-9-]+\.)+[a-z]+")

# From whom, about what: one mail of each kind in each language, no word of which stands in the file's own tests.
EXPECTED = [
    ("security", "Google <no-reply@accounts.google.com>", "Your account was recovered"),
    ("security", "Steam <noreply@steampowered.com>", "New device: verification code"),
    ("security", "LCL <ne-pas-repondre@lcl.fr>", "Votre code de sécurité"),
    ("security", "eBay <ebay@ebay.de>", "Einmalcode für Ihr Konto"),
    ("security", "BBVA <avisos@bbva.es>", "Ha cambiado su contraseña"),
    ("calendar", "Praxis <termin@praxis.example>", "Ihr Termin am Montag"),
    ("calendar", "Salon <appointments@salon.example>", "Your appointment is tomorrow"),
    ("calendar", "Garage <rdv@garage.example>", "Votre rendez-vous est confirmé"),
    ("calendar", "Taller <cita@taller.example>", "Su cita del martes"),
    ("invoices", "Water <no_reply@water.example>", "INVOICE 2026-01"),
    ("invoices", "Eau <factures@eau.example>", "Votre facture est disponible"),
    ("invoices", "Wasser <buchhaltung@wasser.example>", "Monatsrechnung Januar"),
    ("invoices", "Agua <facturacion@agua.example>", "Recibo de enero"),
    ("banks", "N26 <noreply@n26.com>", "You received 10 euros"),
    ("banks", "Crédit <info@credit-agricole.fr>", "Votre virement a été effectué"),
    ("banks", "ING <info@ing.de>", "Ihr Kontoauszug ist da"),
    ("banks", "Santander <avisos@emailing.santander.com>", "Ha recibido una transferencia"),
    ("shipping", "UPS <mcinfo@ups.com>", "UPS Update: Package Scheduled for Delivery Today"),
    ("shipping", "Livres <commande@livres.example>", "Confirmation de commande 12"),
    ("shipping", "Bücher <bestellung@buecher.example>", "Bestellbestätigung 12"),
    ("shipping", "Libros <pedidos@libros.example>", "Confirmación de pedido"),
    ("travel", "Inn <bookings@inn.example>", "Booking confirmation 77"),
    ("travel", "Bateau <billetterie@bateau.example>", "Vos billets pour samedi"),
    ("travel", "Fähre <buchung@faehre.example>", "Ihre Fahrkarte"),
    ("travel", "Barco <reservas@barco.example>", "Reserva 12 confirmada"),
    ("code", "Jenkins <jenkins@ci.work.example>", "Build failed: app #7"),
    ("social", "Instagram <no-reply@mail.instagram.com>", "Jo started following you"),
    ("social", "Toots <mastodon@toots.example>", "Kim mentioned you"),
    ("newsletters", "Le Monde <newsletters@journal.example>", "Le brief du matin"),
]

# Nothing here may be decided: right words from the wrong sender, and people who write about such things.
UNDECIDED = [
    ("PayPal <service@paypal-secure.example>", "Your receipt for your payment"),
    ("Ameli <ne-pas-repondre@assurance.example>", "Votre remboursement est disponible"),
    ("service@dhl.de <paket@dhl-zoll.example>", "Ihr Paket wird heute zugestellt"),
    ("Correos <pedidos@correos-entrega.example>", "Su paquete ha sido enviado"),
    ("Chronopost <suivi@chronop0st.example>", "Votre colis n° 12"),
    ("UPS <no-reply@parcels.example>", "Your package is on its way"),
    ("Sparkasse <info@sparkasse.example>", "Neue Anmeldung erkannt"),
    ("BBVA <alertas@bbva.es.example>", "Alerta de seguridad"),
    ("Booking.com <reservations@hotel.example>", "Booking confirmation 77"),
    ("LinkedIn <notifications@linked.example>", "Jo mentioned you"),
    ("Support <security@mail.example>", "New sign-in to your account"),
    ("Microsoft <no-reply@m365.example>", "Your invoice is ready"),
    ("Anna <anna@family.example>", "The invoice, the booking and the parcel"),
    ("Anna <anna@family.example>", "Accepted: you win"),
    ("Billing <billing@power.example>", "RE : votre facture"),
    ("Versand <versand@laden.example>", "AW: Ihre Bestellung"),
    ("Reservas <reservas@hotel.example>", "RV: Reserva 12 confirmada"),
    ("Jo <jo@ups.com>", "Re: lunch"),
    ("jo@netups.com", "Your package is on its way"),
    ("", "Your invoice"),
]


@cache
def rules() -> RuleSet:
    return load_rule_files([PATH])


def decision(sender: str, subject: str, *, attachments: tuple[Attachment, ...] | None = (), **more: str) -> Decision:
    headers = {name.replace("_", "-"): [value] for name, value in more.items()}
    email = StoredEmail(
        id=0,
        account="test",
        mailbox="INBOX",
        flags=frozenset(),
        internaldate=NOW,
        size=4096,
        headers={"from": [sender], "subject": [subject], **headers},
        attachments=attachments,
    )
    return decide(rules(), email, NOW)


@pytest.mark.parametrize(("category", "sender", "subject"), EXPECTED)
def test_usual_mail_in_four_languages_is_decided(category: str, sender: str, subject: str) -> None:
    """What a program sends in English, French, German or Spanish is known by its sender, or sender and words."""

    assert category == decision(sender, subject).category


@pytest.mark.parametrize(("sender", "subject"), UNDECIDED)
def test_words_without_their_sender_decide_nothing(sender: str, subject: str) -> None:
    """Phishing with the right words, and people who write about such things, stay undecided."""

    assert Status.UNCERTAIN is decision(sender, subject).status


def test_a_list_header_alone_decides_nothing() -> None:
    """Spam that comes through a list has all of the list's headers; only the answers there are people's."""
    headers = {
        "list_id": "<club.lists.example>",
        "list_unsubscribe": "<https://lists.example/mailman/options/club>, <mailto:club-request@lists.example>",
        "precedence": "bulk",
    }

    opened = decision("MR. Johnson <x@mail.example>", "[club] BUSINESS", **headers)
    answered = decision("Kim <kim@home.example>", "Re: [club] your invoice 12", **headers)

    assert (Status.UNCERTAIN, "lists") == (opened.status, answered.category)


def test_an_order_with_the_headers_of_a_newsletter_is_none() -> None:
    """Shops send bills and newsletters with the same programs."""
    headers = {"list_id": "<shop.example>", "list_unsubscribe": "<https://shop.example/u>"}

    assert ("newsletters", None) == (
        decision("Shop <hello@shop.example>", "New in January", **headers).category,
        decision("Shop <hello@shop.example>", "Your order 12", **headers).category,
    )


def test_only_an_invitation_makes_us_fetch_more() -> None:
    """Header fields that each fetch asks for decide; attachments are wanted where a subject looks like one."""
    plan = fetch_plan(rules())
    invitation = decision("Kim <kim@work.example>", "Einladung: Planung", attachments=None)
    other = decision("Kim <kim@work.example>", "Planung", attachments=None)

    assert ((), {"structure"}) == (plan.headers, plan.parts)
    assert ({"structure"}, set()) == (invitation.wanted, other.wanted)


def test_an_invitation_holds_an_appointment() -> None:
    """The subject of an invitation and a part for calendars make one, in whatever language it is."""
    part = Attachment(name="", type="text/calendar", bytes=900)

    said = [
        decision("Kim <kim@work.example>", f"{word} x", attachments=(part,)).category
        for word in ("Invitation:", "Accepté :", "Abgesagt:", "Aceptada:")
    ]

    assert ["calendar"] * 4 == said


def test_no_rule_calls_mail_junk() -> None:
    """What these rules get wrong is in a wrong mailbox, never in one that nobody looks into."""
    moves = {action.target for rule in rules().rules for action in rule.actions if action.kind is ActionKind.MOVE}

    assert set() == moves & {"\\Junk", "\\Trash"}
    assert {"junk", "personal"} == set(rules().categories) - {rule.category for rule in rules().rules}


def test_each_rule_is_tested_both_ways() -> None:
    """Each rule carries a mail that it takes and one that it must not take."""
    one_sided = [
        rule.name
        for rule in rules().rules
        if not any(test.category == rule.category for test in rule.tests)
        or not any(test.uncertain or test.matches is False for test in rule.tests)
    ]

    assert [] == one_sided


def test_categories_are_told_apart_in_one_sentence() -> None:
    """A language model reads the descriptions: each is there, short, and one sentence."""
    descriptions = [category.description for category in rules().categories.values()]

    assert [] == [text for text in descriptions if not 40 <= len(text) <= MAX_DESCRIPTION_CHARS or ". " in text]
    assert len(descriptions) == len(set(descriptions))


def test_lists_are_in_order_and_used() -> None:
    """Lists of senders are alphabetical, without doubles, and name nothing that a domain above it covers already."""
    domains = {name: senders for name, senders in all_lists().items() if all(map(DOMAIN.search, senders))}

    assert () == rules().unused_lists
    assert {} == {name: senders for name, senders in domains.items() if list(senders) != sorted(set(senders))}
    assert [] == [
        f"{name}: {one}" for name, senders in domains.items() for one in senders for up in above(one) if up in senders
    ]


def all_lists() -> dict[str, list[str]]:
    return {name: [text.value for text in found.texts] for name, found in rules().lists.items()}


def above(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels) - 1)]


def test_nobody_s_mail_provider_is_a_sender() -> None:
    """No list of senders takes the mail of everybody who has an address at a provider of mail."""
    asked_with_more = {"owners-of-names"}  # only together with an address from which programs write
    senders = {one for name, values in all_lists().items() if name not in asked_with_more for one in values}

    assert set() == senders & MAIL_PROVIDERS


def test_lines_are_short() -> None:
    """The file is read by people, in whatever editor they have."""
    lines = PATH.read_text(encoding="utf-8").splitlines()

    assert [] == [number for number, line in enumerate(lines, start=1) if len(line) > MAX_LINE_CHARS]
