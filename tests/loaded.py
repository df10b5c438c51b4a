"""What settings name, resolved and loaded in one step."""

from reportgen.cache import CacheKey
from reportgen.inputs import digests
from reportgen.inputs.data.evaluation_set import EvaluationSet
from reportgen.inputs.networks import models
from reportgen.inputs.networks.classifier import Classifier
from reportgen.inputs.preprocessing import Normalisation
from reportgen.inputs.registry import Sources, resolve, resolve_model
from reportgen.settings import AnalyzeSettings, ModelSettings


def compute_cache_key(settings: AnalyzeSettings) -> CacheKey:
    return digests.compute_cache_key(resolve(settings))


def load_evaluation_set(settings: AnalyzeSettings) -> EvaluationSet:
    sources = resolve(settings)
    assert isinstance(sources, Sources)
    return sources.load_evaluation_set()


def load_classifier(
    settings: ModelSettings, *, num_classes: int = 3, normalisation: Normalisation | None = None
) -> Classifier:
    return models.load_classifier(resolve_model(settings), num_classes, normalisation)
