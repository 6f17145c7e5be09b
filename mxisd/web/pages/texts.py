"""What the pages say, in every language they know."""

from collections.abc import Mapping, Sequence

from attrs import frozen

FALLBACK = "en"


@frozen(kw_only=True)
class Texts:
    """
    The texts of one language.

    :ivar proved: By medium; the same for ``asked``.
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


ENGLISH = Texts(
    language="en",
    success="That worked",
    proved={
        "email": "Your e-mail address is confirmed. You can close this page and go "
        "back to your app.",
        "msisdn": "Your phone number is confirmed. You can close this page and go "
        "back to your app.",
    },
    question="Is this you?",
    asked={
        "email": "Somebody, most likely you, wants to use the e-mail address at which "
        "you received this link. If it was not you, close this page.",
        "msisdn": "Somebody, most likely you, wants to use the phone number at which "
        "you received this link. If it was not you, close this page.",
    },
    button="Yes, confirm",
    failure="That did not work",
    expired="This link was good for a day, and that day is over. Ask for a new one in "
    "your app.",
    unknown="This link is not valid, or not any more. Make sure that you opened the "
    "whole link, or ask for a new one in your app.",
    later="We have a problem just now. Please open the link again in a few minutes.",
)

GERMAN = Texts(
    language="de",
    success="Das hat geklappt",
    proved={
        "email": "Ihre E-Mail-Adresse ist bestätigt. Sie können diese Seite schließen "
        "und zu Ihrer App zurückkehren.",
        "msisdn": "Ihre Telefonnummer ist bestätigt. Sie können diese Seite schließen "
        "und zu Ihrer App zurückkehren.",
    },
    question="Sind Sie das?",
    asked={
        "email": "Jemand, vermutlich Sie selbst, möchte die E-Mail-Adresse verwenden, "
        "an die dieser Link ging. Wenn Sie das nicht waren, schließen Sie diese Seite.",
        "msisdn": "Jemand, vermutlich Sie selbst, möchte die Telefonnummer verwenden, "
        "an die dieser Link ging. Wenn Sie das nicht waren, schließen Sie diese Seite.",
    },
    button="Ja, bestätigen",
    failure="Das hat nicht geklappt",
    expired="Dieser Link war einen Tag lang gültig, und der ist vorbei. Fordern Sie in "
    "Ihrer App einen neuen an.",
    unknown="Dieser Link ist nicht oder nicht mehr gültig. Prüfen Sie, ob Sie den "
    "ganzen Link geöffnet haben, oder fordern Sie in Ihrer App einen neuen an.",
    later="Wir haben gerade ein Problem. Bitte öffnen Sie den Link in einigen Minuten "
    "noch einmal.",
)

FRENCH = Texts(
    language="fr",
    success="C’est fait",
    proved={
        "email": "Votre adresse e-mail est confirmée. Vous pouvez fermer cette page et "
        "revenir à votre application.",
        "msisdn": "Votre numéro de téléphone est confirmé. Vous pouvez fermer cette "
        "page et revenir à votre application.",
    },
    question="Est-ce bien vous ?",
    asked={
        "email": "Quelqu’un, sans doute vous-même, souhaite utiliser l’adresse e-mail "
        "qui a reçu ce lien. Si ce n’était pas vous, fermez cette page.",
        "msisdn": "Quelqu’un, sans doute vous-même, souhaite utiliser le numéro de "
        "téléphone qui a reçu ce lien. Si ce n’était pas vous, fermez cette page.",
    },
    button="Oui, confirmer",
    failure="Cela n’a pas fonctionné",
    expired="Ce lien était valable un jour, et ce délai est passé. Demandez-en un "
    "nouveau dans votre application.",
    unknown="Ce lien n’est pas valable, ou ne l’est plus. Vérifiez que vous avez "
    "ouvert le lien en entier, ou demandez-en un nouveau dans votre application.",
    later="Nous rencontrons un problème en ce moment. Veuillez rouvrir le lien dans "
    "quelques minutes.",
)

ALL: Mapping[str, Texts] = {each.language: each for each in (ENGLISH, GERMAN, FRENCH)}


def texts_in(languages: Sequence[str]) -> Texts:
    """
    The texts in the most wanted language that there are any in.

    :param languages: Language tags, the most wanted first; ``de-AT`` finds ``de``.
    """
    primary = (tag.partition("-")[0].lower() for tag in languages)
    return next((ALL[each] for each in primary if each in ALL), ALL[FALLBACK])
