"""A contradiction is reworded once, to agree with its speaker's stance, and what counts is the text after."""

from culturepark.personas.question import Question
from culturepark.postprocess.claims import belief
from culturepark.postprocess.judge import Judge
from culturepark.postprocess.opinion import DropReason, Opinion, Rewrite, Verdict
from culturepark.postprocess.reword import reword
from culturepark.postprocess.verify import judge_text
from culturepark.runtime.models.langchain_client import LedgerChatModel


async def rewrite_opinion(writer: LedgerChatModel, judge: Judge, opinion: Opinion, question: Question) -> Opinion:
    """Reword an opinion that contradicts its speaker's stance; kept only when the text after entails the stance.

    Both texts and both verdicts stay on the opinion, whatever becomes of it.

    Raises:
        ModelError: When the endpoint gives no reply.
    """
    assert opinion.stance is not None
    assert opinion.verdict == "contradict"
    held = belief(question, opinion.stance)
    found = await reword(writer, "rewrite", opinion.text, language=opinion.language, belief=held)
    requests = (*opinion.requests, *found.keys)
    if found.text is None:
        tried = Rewrite(aim="stance", before=opinion.text, after=None, verdicts=("contradict", None), kept=False)
        changes = {"rewrites": (*opinion.rewrites, tried), "dropped": "rewrite_failed", "requests": requests}
        return opinion.model_copy(update=changes)
    judged = await judge_text(judge, found.text, opinion.stance, question)
    kept = judged.verdict == "entail"
    verdicts: tuple[Verdict | None, Verdict | None] = ("contradict", judged.verdict)
    tried = Rewrite(aim="stance", before=opinion.text, after=found.text, verdicts=verdicts, kept=kept)
    changes = {"rewrites": (*opinion.rewrites, tried), "requests": (*requests, *judged.keys)}
    if kept:
        return opinion.model_copy(
            update=changes
            | {"text": found.text, "verdict": judged.verdict, "confidence": judged.confidence, "dropped": None}
        )
    reason: DropReason = "judge_failed" if judged.verdict is None else "rewrite_rejected"
    return opinion.model_copy(update={**changes, "dropped": reason})
