from pathlib import Path

import pytest

from reportgen.errors import SettingsError
from reportgen.settings import AnalyzeSettings, PreprocessingSettings, RenderSettings


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"mean": (0.5,), "std": (0.2,)}, "mean has 1 values"),
        ({"mean": (0.5, 0.5, 0.5)}, "Only one"),
        ({"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.0, 0.2)}, "not positive"),
        ({"mean": (127.5, 127.5, 127.5), "std": (60.0, 60.0, 60.0)}, "outside"),
        ({"resize": 0}, "resize=0"),
        ({"window": "wide"}, "window='wide'"),
        ({"window": (5, 5)}, "not a smaller and a larger value"),
        ({"window": (5,)}, "not a smaller and a larger value"),
        ({"resize": 224, "crop": 256}, "crop=256"),
    ],
)
def test_preprocessing_that_cannot_be_meant_is_refused(options, named):
    with pytest.raises(SettingsError, match=named) as caught:
        PreprocessingSettings(**options)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"methods": ("gradcam", "magic")}, "The method magic"),
        ({"methods": ("layercam", "layercam")}, "layercam twice"),
        ({"methods": ("scorecam", "gradcam")}, "starts with scorecam"),
        ({"methods": ()}, "methods is empty"),
        ({"aggregate": "sum"}, "aggregate='sum'"),
        ({"mask_values": (1,)}, "mask_values requires annotations"),
        ({"mask_values": (-1,), "annotations": Path("masks")}, "outside 0 to 65535"),
        ({"on_bad_image": "ask"}, "on_bad_image='ask'"),
        ({"head_fusion": "sum"}, "head_fusion='sum'"),
        ({"discard_ratio": 1.0}, "discard_ratio=1.0"),
        ({"faithfulness": -1}, "faithfulness=-1"),
        ({"precision": "fp8"}, "fp8"),
        ({"limit": 0}, "limit=0"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"workers": -1}, "workers=-1"),
        ({"thumbnail_size": 0}, "thumbnail_size=0"),
    ],
)
def test_analyze_settings_name_the_value_that_is_wrong(options, named):
    with pytest.raises(SettingsError, match=named):
        AnalyzeSettings(model="m", data="d", **options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"model": "m"}, "data is missing"),
        ({"data": "d"}, "model is missing"),
        ({"arrays": Path("a.npz"), "model": "m"}, "model cannot be combined with arrays"),
        ({"arrays": Path("a.npz"), "weights": "w.pth"}, "weights cannot be combined with arrays"),
        ({"arrays": Path("a.npz"), "layers": ("features",)}, "layers cannot be combined with arrays"),
        ({"arrays": Path("a.npz"), "faithfulness": 5}, "faithfulness cannot be combined with arrays"),
    ],
)
def test_a_run_has_a_model_and_data_or_arrays(options, named):
    with pytest.raises(SettingsError, match=named):
        AnalyzeSettings(**options)
    AnalyzeSettings(arrays=Path("a.npz"))


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.5])
def test_a_threshold_is_a_share_of_the_peak(threshold):
    with pytest.raises(SettingsError, match=f"iou_threshold={threshold}"):
        RenderSettings(iou_threshold=threshold)


@pytest.mark.parametrize("name", ["num_worst", "num_best", "num_mistaken", "num_pairs", "num_gallery"])
def test_numbers_of_shown_examples_may_be_zero_but_not_negative(name):
    RenderSettings(**{name: 0})
    with pytest.raises(SettingsError, match="-1"):
        RenderSettings(**{name: -1})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"classes": ("cat",)}, "classes requires single_file"),
        ({"force": True}, "force requires single_file"),
        ({"single_file": Path("report")}, "single_file='report' is not the name"),
        ({"single_file": Path("site.zip")}, r"single_file='site\.zip' is not the name"),
    ],
)
def test_options_of_the_single_file_fit_together(options, named):
    with pytest.raises(SettingsError, match=named):
        RenderSettings(**options)
    RenderSettings(single_file=Path("a.HTML"), classes=("cat",), force=True)
