"""What the pages say, in every language they know."""

from collections.abc import Mapping, Sequence

from attrs import frozen

FALLBACK = "en"


@frozen(kw_only=True)
class Texts:
    """
    The texts of one language.

    :ivar proved: By medium, with ``{address}``.
    :ivar asked: By medium, with ``{address}`` and ``{service}``.
    :ivar over: That an invitation leads nowhere any more; ``renew`` says what to do.
    """

    language: str
    success: str
    proved: Mapping[str, str]
    question: str
    asked: Mapping[str, str]
    button: str
    failure: str
    expired: str
    unknown: str
    later: str
    over: str
    renew: str


ENGLISH = Texts(
    language="en",
    success="That worked",
    proved={
        "email": "The e-mail address {address} is confirmed. You can close this page "
        "and go back to your app.",
        "msisdn": "The phone number {address} is confirmed. You can close this page "
        "and go back to your app.",
    },
    question="Is this you?",
    asked={
        "email": "Somebody, most likely you, wants to use the e-mail address {address} "
        "for {service}. If it was not you, please close this page.",
        "msisdn": "Somebody, most likely you, wants to use the phone number {address} "
        "for {service}. If it was not you, please close this page.",
    },
    button="Yes, confirm",
    failure="That did not work",
    expired="This link worked for a day, and that day is over. Please ask for a new "
    "one in your app.",
    unknown="This link is not valid, or no longer. Please make sure that you opened "
    "all of it, or ask for a new one in your app.",
    later="Sorry, we have a problem just now. Please open the link again in a few "
    "minutes.",
    over="This invitation is over",
    renew="It was withdrawn or has expired, or the link is not complete. Ask the "
    "person who invited you to do so again.",
)

GERMAN = Texts(
    language="de",
    success="Das hat geklappt",
    proved={
        "email": "Die E-Mail-Adresse {address} ist bestätigt. Sie können diese Seite "
        "schließen und zu Ihrer App zurückkehren.",
        "msisdn": "Die Telefonnummer {address} ist bestätigt. Sie können diese Seite "
        "schließen und zu Ihrer App zurückkehren.",
    },
    question="Sind Sie das?",
    asked={
        "email": "Jemand, vermutlich Sie selbst, möchte die E-Mail-Adresse {address} "
        "für {service} verwenden. Wenn Sie das nicht waren, schließen Sie bitte diese "
        "Seite.",
        "msisdn": "Jemand, vermutlich Sie selbst, möchte die Telefonnummer {address} "
        "für {service} verwenden. Wenn Sie das nicht waren, schließen Sie bitte diese "
        "Seite.",
    },
    button="Ja, bestätigen",
    failure="Das hat nicht geklappt",
    expired="Dieser Link galt einen Tag lang, und der ist vorbei. Bitte fordern Sie in "
    "Ihrer App einen neuen an.",
    unknown="Dieser Link ist nicht oder nicht mehr gültig. Bitte prüfen Sie, ob Sie "
    "den ganzen Link geöffnet haben, oder fordern Sie in Ihrer App einen neuen an.",
    later="Wir haben gerade leider ein Problem. Bitte öffnen Sie den Link in einigen "
    "Minuten noch einmal.",
    over="Diese Einladung gilt nicht mehr",
    renew="Sie wurde zurückgezogen oder ist abgelaufen, oder der Link ist nicht "
    "vollständig. Bitten Sie die Person, die Sie eingeladen hat, es noch einmal zu "
    "tun.",
)

FRENCH = Texts(
    language="fr",
    success="C’est fait",
    proved={
        "email": "L’adresse e-mail {address} est confirmée. Vous pouvez fermer cette "
        "page et revenir à votre application.",
        "msisdn": "Le numéro de téléphone {address} est confirmé. Vous pouvez fermer "
        "cette page et revenir à votre application.",
    },
    question="Est-ce bien vous\N{NO-BREAK SPACE}?",
    asked={
        "email": "Quelqu’un, sans doute vous-même, souhaite utiliser l’adresse e-mail "
        "{address} pour {service}. Si ce n’était pas vous, fermez cette page.",
        "msisdn": "Quelqu’un, sans doute vous-même, souhaite utiliser le numéro de "
        "téléphone {address} pour {service}. Si ce n’était pas vous, fermez cette "
        "page.",
    },
    button="Oui, confirmer",
    failure="Cela n’a pas fonctionné",
    expired="Ce lien était valable un jour, et ce délai est passé. Veuillez en "
    "demander un nouveau dans votre application.",
    unknown="Ce lien n’est pas valable, ou ne l’est plus. Veuillez vérifier que vous "
    "l’avez ouvert en entier, ou en demander un nouveau dans votre application.",
    later="Désolés, nous avons un problème en ce moment. Veuillez rouvrir le lien dans "
    "quelques minutes.",
    over="Cette invitation n’est plus valable",
    renew="Elle a été retirée ou elle a expiré, ou bien le lien est incomplet. "
    "Demandez à la personne qui vous a invité·e de le faire à nouveau.",
)

ALL: Mapping[str, Texts] = {each.language: each for each in (ENGLISH, GERMAN, FRENCH)}


def texts_in(languages: Sequence[str]) -> Texts:
    """
    The texts in the most wanted language that there are any in.

    :param languages: Language tags, the most wanted first; ``de-AT`` finds ``de``.
    """
    primary = (tag.partition("-")[0].lower() for tag in languages)
    return next((ALL[each] for each in primary if each in ALL), ALL[FALLBACK])
