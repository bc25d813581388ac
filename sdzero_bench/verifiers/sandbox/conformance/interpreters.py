"""Attacks by programs in interpreted languages."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from sdzero_bench.verifiers.sandbox.conformance.probe import LIMITS, Probe, script, wrong_outcome
from sdzero_bench.verifiers.sandbox.sandbox import Sandbox
from sdzero_bench.verifiers.sandbox.tiers import PATH


def node_there() -> bool:
    return shutil.which("node", path=PATH) is not None


_HEAP = "const a = []; for (;;) a.push(new Array(1000).fill(Math.random()));"
_BUFFERS = "const a = []; for (let i = 0; i < 2000; i++) a.push(Buffer.alloc(1 << 20, 1)); console.log('reached');"
_SHARED = """
const a = [];
for (let i = 0; i < 40; i++) { const b = new SharedArrayBuffer(64 << 20); new Uint8Array(b).fill(1); a.push(b); }
console.log("reached");
"""
_WORKERS = """
const { Worker } = require("worker_threads");
for (let i = 0; i < 64; i++) new Worker("for (;;);", { eval: true }).on("error", () => {});
"""
_CHILD = """
const { execSync, spawnSync } = require("child_process");
for (const start of [() => execSync("id"), () => { const r = spawnSync("id"); if (r.error) throw r.error; }])
    try { start(); console.log("reached"); } catch (error) { console.log(error.code); }
"""
_FILES = """
for (const path of ["/etc/passwd", "/proc/1/environ", "/root/.bashrc"])
    try { require("fs").readFileSync(path); console.log("reached"); } catch (error) {}
"""
_WRITES = """
for (const path of ["/usr/sandbox-probe", "/sandbox-probe", "/dev/sandbox-probe"])
    try { require("fs").writeFileSync(path, ""); require("fs").unlinkSync(path); console.log("reached"); } catch (error) {}
"""
_NETWORK = """
const net = require("net");
net.connect(80, "1.1.1.1").on("error", () => {}).on("connect", () => console.log("reached"));
net.createServer().on("error", () => {}).listen(0, () => { console.log("reached"); process.exit(); });
"""
_SIGNALS = "for (const pid of [1, process.ppid]) try { process.kill(pid, 0); console.log('reached'); } catch (error) {}"
_NEXT = """
const fs = require("fs");
const left = fs.readdirSync(".").filter((name) => !name.endsWith("program.js"));
if (left.length || fs.readFileSync("program.js", "utf8").includes("changed" + " by")) console.log("reached");
fs.writeFileSync("note", "");
for (const name of ["program.js", "prelude-program.js"]) fs.writeFileSync(name, "// changed" + " by the program before");
"""


def _twice(sandbox: Sandbox) -> str | None:
    executions = sandbox.stdio("javascript", _NEXT, ["", ""], LIMITS).executions
    return next((wrong for execution in executions if (wrong := wrong_outcome(execution, ("ok",)))), None)


def _js(source: str, *outcomes: str) -> Callable[[Sandbox], str | None]:
    return script(source, *outcomes, language="javascript")


INTERPRETED = (
    Probe("JavaScript: endless loop", "loops without end", "time limit", _js("for (;;);", "time")),
    Probe("JavaScript: heap", "fills V8's heap", "memory or time limit", _js(_HEAP, "memory", "time")),
    Probe("JavaScript: buffers", "allocates 2 GB outside of the heap", "memory limit", _js(_BUFFERS, "memory")),
    Probe("JavaScript: shared memory", "allocates 2.5 GB of shared memory", "memory limit", _js(_SHARED, "memory", "signal")),
    Probe("JavaScript: threads", "starts 64 busy threads", "held back or refused", _js(_WORKERS, "time", "exit", "ok")),
    Probe("JavaScript: processes", "starts other programs", "refused", _js(_CHILD, "ok"), held_without_filter=()),
    Probe("JavaScript: host files", "opens files of the host", "not found", _js(_FILES, "ok"), (1,), (1,)),
    Probe("JavaScript: writing", "writes outside of its directory", "refused", _js(_WRITES, "ok"), (1, 2), (1, 2)),
    Probe("JavaScript: network", "connects and listens", "refused", _js(_NETWORK, "ok"), held_without_filter=()),
    Probe("JavaScript: signals", "looks for other processes", "refused", _js(_SIGNALS, "ok"), held_without_filter=()),
    Probe("JavaScript: next test", "leaves files, and changes its own", "gone under the next test", _twice, (1, 2), (1, 2)),
)
