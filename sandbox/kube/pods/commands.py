"""Commands that people and charts run in containers, beyond the image's own program."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from sandbox.kube.pods import network
from sandbox.kube.runtime import ExecResult
from sandbox.kube.store import Store

Json = dict[str, Any]

_SHELLS = ("sh", "bash", "ash", "dash")
_FETCHERS = ("wget", "curl")


def words_of(container: Json) -> list[str]:
    """Return a container's command line; empty when the image decides."""
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def unwrap(command: list[str]) -> list[str]:
    """Take a shell around a single plain command away: ``sh -c "echo hi"`` → ``echo hi``.

    A script that needs a real shell (pipes, variables, several commands) stays as it is.
    """
    if not command or base(command[0]) not in _SHELLS:
        return command
    rest = command[1:]
    if not rest or not rest[0].startswith("-") or "c" not in rest[0] or len(rest) < 2:
        return command
    script = rest[1].strip().removeprefix("exec ").strip()
    lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:
        return command
    quoted = shlex.split(script)
    operators = any(set(word) <= set("();<>|&") for word in words)
    needs_shell = words != quoted or operators or "`" in script or _expands(script)
    return command if needs_shell or not quoted else quoted


def script_file(command: list[str]) -> str:
    """Return the file that a shell is to run, as in ``sh /etc/some.sh``; empty without."""
    shell = len(command) == 2 and base(command[0]) in _SHELLS
    return command[1] if shell and not command[1].startswith("-") else ""


def _expands(script: str) -> bool:
    """Whether a shell would put a variable in: a dollar outside of single quotes."""
    inside = False
    for letter in script:
        if letter == "'":
            inside = not inside
        elif letter == "$" and not inside:
            return True
    return False


def base(word: str) -> str:
    """Return the program's name without its folder."""
    return word.rsplit("/", 1)[-1]


def run(
    store: Store, pod: Json, container: Json, env: Mapping[str, str], command: list[str]
) -> ExecResult:
    """Run a small everyday command; unknown ones end with 127, as in a shell."""
    argv = unwrap(command)
    name, rest = base(argv[0]) if argv else "", argv[1:]
    if name in _FETCHERS:
        return fetch(store, pod, name, rest)
    if name in ("nslookup", "getent") and rest:
        return _lookup(store, pod, rest[-1])
    if name in ("env", "printenv"):
        return _environment(env, rest)
    if name == "echo":
        return _echo(rest)
    if name == "exit":
        return ExecResult(exit_code=int(rest[0]) if rest and rest[0].isdigit() else 0)
    fixed = {
        "true": ExecResult(),
        ":": ExecResult(),
        "sleep": ExecResult(),
        "false": ExecResult(exit_code=1),
        "hostname": _out(f"{env.get('HOSTNAME', '')}\n"),
        "whoami": _out("root\n"),
        "date": _out(store.clock().strftime("%a %b %e %H:%M:%S UTC %Y\n")),
    }
    return fixed.get(name) or unknown(argv, container)


def _environment(env: Mapping[str, str], names: list[str]) -> ExecResult:
    if not names:
        return _out("".join(f"{k}={v}\n" for k, v in env.items()))
    if names[0] not in env:
        return ExecResult(exit_code=1)
    return _out(f"{env[names[0]]}\n")


def _echo(words: list[str]) -> ExecResult:
    if words[:1] == ["-n"]:
        return _out(" ".join(words[1:]))
    return _out(" ".join(words) + "\n")


def unknown(argv: list[str], container: Json) -> ExecResult:
    """The answer to a command that does not exist in the practice world."""
    name = argv[0] if argv else ""
    if base(name) in _SHELLS:
        text = (
            "the practice world runs single plain commands in its containers, no shell scripts: "
            f"{' '.join(argv[1:])[:200]}\n"
        )
        return ExecResult(b"", text.encode(), 126)
    text = (
        f'exec: "{name}": executable file not found in $PATH (the practice world\'s container '
        f"{container['name']} knows only a few commands)\n"
    )
    return ExecResult(b"", text.encode(), 127)


def fetch(store: Store, pod: Json, name: str, rest: list[str]) -> ExecResult:
    """``wget`` or ``curl`` of a Service inside the cluster."""
    target = next((w for w in reversed(rest) if not w.startswith("-")), "")
    host = network.host_of(target)
    found = network.connect(store, host, pod["metadata"]["namespace"])
    local = host in ("localhost", "127.0.0.1") and network.running(store, pod)
    if found.pods or local:
        return _out("ok\n")
    if name == "wget":
        if not found.resolved:
            return ExecResult(b"", f"wget: bad address '{host}'\n".encode(), 1)
        text = f"wget: can't connect to remote host ({host}): Connection refused\n"
        return ExecResult(b"", text.encode(), 1)
    if not found.resolved:
        return ExecResult(b"", f"curl: (6) Could not resolve host: {host}\n".encode(), 6)
    text = f"curl: (7) Failed to connect to {host}: Connection refused\n"
    return ExecResult(b"", text.encode(), 7)


def _lookup(store: Store, pod: Json, host: str) -> ExecResult:
    found = network.connect(store, host, pod["metadata"]["namespace"])
    if not found.resolved:
        text = f"** server can't find {host}: NXDOMAIN\n"
        return ExecResult(text.encode(), b"", 1)
    addresses = "".join(f"{p['status'].get('podIP', '')} {host}\n" for p in found.pods)
    return _out(addresses)


def _out(text: str) -> ExecResult:
    return ExecResult(text.encode())
