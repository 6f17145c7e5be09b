"""Programs that know people, for tests of the exec store: one of Python, one of sh."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mxisd.testing.stores import Person

PYTHON = r'''
"""people.py FEATURE TRANSPORT OUTPUT [name=value ...]; the people are in $PEOPLE."""
import json, os, sys

ORDER = {
    "auth": ["localpart", "domain", "mxid", "password"],
    "directory": ["by", "search_term"],
    "single": ["medium", "address"],
    "profile": ["localpart", "domain", "mxid"],
}
feature, transport, output = sys.argv[1:4]
kind = "profile" if feature in ("name", "threepids", "roles") else feature
try:
    with open(os.environ["PEOPLE"], encoding="utf-8") as file:
        people = json.load(file)
except OSError:
    print("the people are away", file=sys.stderr)
    sys.exit(69)


def read():
    if transport == "args":
        return dict(each.split("=", 1) for each in sys.argv[4:])
    if transport == "env":
        return {k[2:]: v for k, v in os.environ.items() if k.startswith("V_")}
    text = sys.stdin.buffer.read().decode()
    if transport == "json":
        return json.loads(text)
    lines = text.split("\n")
    assert lines.pop() == "", "the last line has its end"
    if feature in ("bulk", "list"):
        cells = [line.split("\t") for line in lines]
        return {"lookup": [dict(zip(("medium", "address"), c)) for c in cells]}
    names = ORDER[kind]
    assert len(lines) == len(names), "as many lines as values"
    return dict(zip(names, lines))


def same(medium, one, other):
    if medium == "msisdn":
        one, other = ("".join(filter(str.isdigit, each)) for each in (one, other))
    return one.casefold() == other.casefold()


def owner(medium, address):
    for person in people:
        for m, a in person["threepids"]:
            if m == medium and same(m, a, address):
                return person
    return None


def called(name):
    for person in people:
        if person["username"].casefold() == name:
            return person
    return None


def say(document, lines):
    text = "".join(f"{line}\n" for line in lines)
    if output == "json":
        text = json.dumps(document)
    sys.stdout.buffer.write(text.encode())


def row(medium, address, person):
    return {"medium": medium, "address": address, "id": ident(person)}


def ident(person):
    return {"type": "localpart", "value": person["username"]}


def rows(found):
    say({"lookup": [row(*each) for each in found]},
        ["\t".join([m, a, "localpart", p["username"]]) for m, a, p in found])


def auth(asked):
    person = called(asked["localpart"])
    known = person is not None
    right = known and person["password"] and person["password"] == asked["password"]
    if output == "none":
        sys.exit(0 if right else 2 if known else 1)
    if not known:
        say({"auth": {"success": False}}, ["false"])
    elif not right:
        say({"auth": {"success": False, "refused": True}}, ["refused"])
    else:
        profile = {"display_name": person["display_name"], "three_pids": [
            {"medium": m, "address": a} for m, a in person["threepids"]]}
        say({"auth": {"success": True, "id": ident(person), "profile": profile}},
            ["true", person["display_name"] or ""])


def directory(asked):
    term, found = asked["search_term"].casefold(), []
    for person in people:
        texts = [person["username"], person["display_name"] or ""]
        if asked["by"] == "threepid":
            texts = [a for _, a in person["threepids"]]
        if any(term in text.casefold() for text in texts):
            found.append(person)
    say({"limited": False, "results": [
        {"user_id": p["username"], "display_name": p["display_name"],
         "avatar_url": "mxc://a/b"} for p in found]},
        [p["username"] + "\t" + (p["display_name"] or "") for p in found])


def single(asked):
    person = owner(asked["medium"], asked["address"])
    if person is None:
        say({}, [])
    else:
        say({"lookup": {**asked, "id": ident(person)}},
            ["localpart", person["username"]])


def bulk(asked):
    found = [(e["medium"], e["address"], owner(e["medium"], e["address"]))
             for e in asked["lookup"]]
    rows([each for each in found if each[2] is not None])


def everybody(asked):
    rows([(m, a, person) for person in people for m, a in person["threepids"]])


def profile(asked):
    person = called(asked["localpart"])
    if person is None:
        sys.exit(1)
    threepids = [{"medium": m, "address": a} for m, a in person["threepids"]]
    say({"profile": {"display_name": person["display_name"], "threepids": threepids,
                     "roles": person["roles"]}},
        {"name": [person["display_name"] or ""],
         "threepids": [m + "\t" + a for m, a in person["threepids"]],
         "roles": person["roles"]}[feature])


features = {"auth": auth, "directory": directory, "single": single, "bulk": bulk,
            "list": everybody, "profile": profile}
features[kind](None if feature == "list" else read())
'''

SHELL = r"""#!/bin/sh
# people.sh FEATURE; values are in the environment, the people in files $PEOPLE.*
tab='	'
[ -e "$PEOPLE.threepids" ] || { echo 'the people are away' >&2; exit 69; }
case $1 in
single)
    while IFS=$tab read -r medium address user; do
        if [ "$medium" = "$MEDIUM" ] && [ "$address" = "$ADDRESS" ]; then
            echo "$user"
            exit 0
        fi
    done < "$PEOPLE.threepids"
    exit 1;;
list)
    while IFS=$tab read -r medium address user; do
        printf '%s\t%s\tlocalpart\t%s\n' "$medium" "$address" "$user"
    done < "$PEOPLE.threepids";;
auth)
    while IFS=$tab read -r user word; do
        if [ "$user" = "$LOCALPART" ]; then
            if [ -n "$word" ] && [ "$word" = "$PASS" ]; then exit 0; fi
            exit 2
        fi
    done < "$PEOPLE.passwords"
    exit 1;;
esac
"""


def executable(path: Path, text: str) -> str:
    """Write a program; gives its path."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def python_program(folder: Path, text: str, name: str = "people.py") -> str:
    """Write a program of Python, for the interpreter of the tests."""
    return executable(folder / name, f"#!{sys.executable} -IS\n{text}")


def people_file(folder: Path, people: Sequence[Person]) -> Path:
    """Write people for the program of Python, spelled as they are."""
    path = folder / "people.json"
    known = [
        {
            "username": each.username,
            "password": each.password,
            "display_name": each.display_name,
            "threepids": list(each.threepids),
            "roles": list(each.roles),
        }
        for each in people
    ]
    path.write_text(json.dumps(known), encoding="utf-8")
    return path


def python_section(
    command: str, people: Path, transport: str, output: str
) -> dict[str, Any]:
    """A section in which one program does everything."""

    def program(feature: str, *names: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "command": command,
            "args": [feature, transport, output],
            "env": {"PEOPLE": str(people)},
            "output": {} if output == "none" else {"type": output},
            "timeout": 30,
        }
        tokens = {"by": "type", "search_term": "query"}
        spelled = {name: f"{{{tokens.get(name, name)}}}" for name in names}
        if transport == "args":
            found["args"] += [f"{name}={token}" for name, token in spelled.items()]
        elif transport == "env":
            found["env"].update((f"V_{k}", token) for k, token in spelled.items())
        else:
            found["input"] = {"type": transport}
        return found

    user = ("localpart", "domain", "mxid")
    search = program("directory", "by", "search_term")
    lookup = {"single": program("single", "medium", "address")}
    if transport in ("json", "plain"):
        lookup["bulk"] = program("bulk")
    return {
        "auth": program("auth", *user, "password"),
        "directory": {"search": {"byName": search, "byThreepid": search}},
        "identity": {"lookup": lookup, "associations": program("list")},
        "profile": {
            "displayName": program("name", *user),
            "threePid": program("threepids", *user),
            "role": program("roles", *user),
        },
    }
