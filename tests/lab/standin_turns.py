"""The stand-in's turns: what a model would answer, and what the gateway logs when its provider refuses.

Used by standin_gateway.py, beside which it lies in a node. No model and no network: which model fails, and how, is a
setting (STANDIN_MODEL_FAILS), read anew for each turn.
"""

import asyncio
import json
import secrets
import time

# status -> (reason, tries on the same model, the answer's status and type when no candidate is left)
REFUSALS = {
    0: ("timeout", 9, "502 Bad Gateway", "api_error"),   # no answer at all: the text says why
    401: ("auth", 1, "401 Unauthorized", "authentication_error"),
    402: ("billing", 1, "402 Payment Required", "billing_error"),
    403: ("auth", 1, "403 Forbidden", "permission_error"),
    404: ("model_not_found", 1, "404 Not Found", "not_found_error"),
    429: ("rate_limit", 10, "429 Too Many Requests", "rate_limit_error"),
    500: ("server_error", 9, "502 Bad Gateway", "api_error"),
    503: ("overloaded", 9, "502 Bad Gateway", "api_error"),
}
OVERFLOW = "context_length_exceeded"


def error(status, message, kind):
    return status, {"error": {"message": message, "type": kind}}


class Turns:
    """`log(message, level, subsystem, **fields)` writes; `setting(name, default)` and `config()` read; `keep()` stores
    a turn and says what was wrong with the disk."""

    def __init__(self, log, setting, config, keep):
        self.log, self.setting, self.config, self.keep = log, setting, config, keep
        self.active = 0

    def failures(self):
        """{model: (status, text)} of STANDIN_MODEL_FAILS: "MODEL STATUS TEXT; …", MODEL may be *, STATUS 0 for none."""
        found = {}
        for part in (self.setting("MODEL_FAILS") or "").split(";"):
            words = part.split(None, 2)
            if len(words) >= 2:
                found[words[0]] = (int(words[1]), words[2] if len(words) > 2 else "refused")
        return found

    def candidates(self):
        model = ((self.config().get("agents") or {}).get("defaults") or {}).get("model") or "standin/canned"
        if isinstance(model, str):
            return [model]
        return [model.get("primary", "standin/canned"), *model.get("fallbacks", [])]

    def known(self, model):
        """Whether the configuration has the model's provider. Without any provider everything is known."""
        providers = (self.config().get("models") or {}).get("providers") or {}
        return not providers or model.partition("/")[0] in providers

    async def answer(self, body):
        """(status, JSON or the bytes of an event stream) for POST /v1/chat/completions."""
        try:
            asked = json.loads(body)
        except ValueError:
            return error("400 Bad Request", "invalid JSON", "invalid_request_error")
        self.active += 1
        try:
            await asyncio.sleep(float(self.setting("TURN_SECONDS", 0)))
            return await self.run(asked)
        finally:
            self.active -= 1

    async def run(self, asked):
        run = f"chatcmpl_{secrets.token_hex(6)}"
        candidates, failures = self.candidates(), self.failures()
        for i, model in enumerate(candidates):
            if not self.known(model):
                self.fail(f"Unknown model: {model}")
                return error("404 Not Found", f"Unknown model: {model}.", "invalid_request_error")
            if model not in failures and "*" not in failures:
                break
            status, text = failures.get(model) or failures["*"]
            if OVERFLOW in text:                         # no fallback helps, and none is tried
                self.log(f"embedded run failed: 400 {text}", "warn", "agent/embedded", event="embedded_run_agent_end")
                self.fail(f"400 {text}")
                return error("500 Internal Server Error", "internal error", "api_error")
            last = i + 1 == len(candidates)
            await self.refused(model, status, text, i, len(candidates), last)
            if last:
                _, _, answer, kind = REFUSALS.get(status, ("unclassified", 1, "500 Internal Server Error", "api_error"))
                self.fail(f"FailoverError: {_shown(status, text)}")
                return error(answer, "upstream provider error" if answer.startswith("502") else _shown(status, text), kind)
        if i:
            self.decision("candidate_succeeded", candidates[0], model, i + 1, len(candidates), level="info")
        trouble = self.keep()
        if trouble:
            self.log(f"owner profile resolution failed: SqliteWorkerError: {trouble}", "error", "agent/embedded")
            self.fail(f"Error: {trouble}")
            return error("500 Internal Server Error", "internal error", "api_error")
        self.log(f"[agent] run {run} ended with stopReason=stop", subsystem="agents/agent-command")
        return "200 OK", self.said(run, asked)

    def fail(self, why):
        self.log(f"chat completion failed: {why}", "warn", "openai-compat")

    def decision(self, decision, requested, candidate, attempt, total, level="warn", **fields):
        provider, _, model = candidate.partition("/")
        self.log("model fallback decision", level, "model-fallback/decision", event="model_fallback_decision",
                 decision=decision, requestedProvider=requested.partition("/")[0],
                 requestedModel=requested.partition("/")[2], candidateProvider=provider, candidateModel=model,
                 attempt=attempt, total=total, **fields)

    async def refused(self, model, status, text, i, total, last):
        reason, tries, _, _ = REFUSALS.get(status, ("unclassified", 1, "", ""))
        billing = status == 402 or "insufficient_quota" in text
        if billing:
            reason, tries = "billing", 1
        pause = float(self.setting("RETRY_SECONDS", 0.1))    # the real one's grow from 1 to 30 s
        for n in range(1, tries):
            self.log(f"transient same-model retry {n}/{tries - 1} for {model} reason={reason}: "
                     f"delayMs={int(pause * 1000)}", "warn", "agent/embedded")
            await asyncio.sleep(pause)
        provider = model.partition("/")[0]
        if billing or status in (401, 403):
            window = ({"windowType": "disabled", "disabledReason": "billing", "disabledUntil": _in(600)} if billing else
                      {"windowType": "cooldown", "cooldownUntil": _in(30)})
            self.log("auth profile failure state updated", "warn", "agents/auth-profiles",
                     event="auth_profile_failure_state_updated", provider=provider, reason=reason, errorCount=1, **window)
        self.decision("candidate_failed", self.candidates()[0], model, i + 1, total, reason=reason,
                      **({"status": status} if status else {}), errorPreview=_shown(status, text), fallbackStepFromFailureReason=reason,
                      **({"fallbackStepFinalOutcome": "chain_exhausted"} if last else {}))
        if status == 404 and not last:
            self.log(f'Model "{model}" not found. Fell back to "{self.candidates()[i + 1]}".', "warn", "agent/embedded")

    @staticmethod
    def said(run, asked):
        base = {"id": run, "created": int(time.time()), "model": asked.get("model", "openclaw")}
        if not asked.get("stream"):
            return {**base, "object": "chat.completion", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "pong"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        chunks = [{"index": 0, "delta": {"role": "assistant", "content": "pong"}, "finish_reason": None},
                  {"index": 0, "delta": {}, "finish_reason": "stop"}]
        lines = [json.dumps({**base, "object": "chat.completion.chunk", "choices": [c]}) for c in chunks]
        return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()


def _shown(status, text):
    return f"{status} {text}" if status else text


def _in(seconds):
    return int((time.time() + seconds) * 1000)
