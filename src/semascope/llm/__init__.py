"""Language models behind any OpenAI-compatible URL: asked in bulk, within a budget, resumable."""

from semascope.llm.answers import read_numbers, read_object, read_verdicts
from semascope.llm.ask import SAMPLES, Asked, ask
from semascope.llm.budget import Budget, Forecast, OverBudgetError, Report, forecast
from semascope.llm.cache import Answer, AnswerCache
from semascope.llm.detect import Question, detect, detection_requests
from semascope.llm.endpoint import Endpoint, Key, endpoint
from semascope.llm.prompts import Prompt, check_prompts, load_prompt, prompt_names, shipped
from semascope.llm.quote import Quoted, Span, one_line, plain, quote
from semascope.llm.rehearse import Rehearsal
from semascope.llm.relevance import ByDetection, Doubt
from semascope.llm.requests import Request
from semascope.llm.send import EndpointError

__all__ = [
    "SAMPLES",
    "Answer",
    "AnswerCache",
    "Asked",
    "Budget",
    "ByDetection",
    "Doubt",
    "Endpoint",
    "EndpointError",
    "Forecast",
    "Key",
    "OverBudgetError",
    "Prompt",
    "Question",
    "Quoted",
    "Rehearsal",
    "Report",
    "Request",
    "Span",
    "ask",
    "check_prompts",
    "detect",
    "detection_requests",
    "endpoint",
    "forecast",
    "load_prompt",
    "one_line",
    "plain",
    "prompt_names",
    "quote",
    "read_numbers",
    "read_object",
    "read_verdicts",
    "shipped",
]
