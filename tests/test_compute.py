import pytest
import torch

from offpath.compute import compute, launched
from offpath.configs import InputError


def test_threads_are_those_asked_for_and_torch_is_told():
    assert compute("cpu", 2).threads == 2
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(
    ("device", "threads", "message"),
    [("tpu", None, "device must be auto, cpu or cuda; got 'tpu'"), ("cpu", 0, "threads must be 1")],
)
def test_what_is_not_there_is_named(device: str, threads: int | None, message: str):
    with pytest.raises(InputError, match=message):
        compute(device, threads)


def test_arithmetic_that_is_not_to_be_had_is_named():
    with pytest.raises(InputError, match="micro_batch must be 1 to 16777216; got 0"):
        compute("cpu", 1, micro_batch=0)
    with pytest.raises(InputError, match="tf32 needs a GPU; on cpu choose float32 or bfloat16"):
        compute("cpu", 1).at("tf32")
    with pytest.raises(InputError, match="must be one of float32, tf32, bfloat16; got 'half'"):
        compute("cpu", 1).at("half")


def test_processes_of_torchrun_share_the_cores(monkeypatch: pytest.MonkeyPatch):
    alone = compute("cpu").threads
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    for name, value in zip(("MASTER_PORT", *names), (29500, 3, 4, 1, 2), strict=True):
        assert launched() == (0, 1, 0, 1)  # until all is told
        monkeypatch.setenv(name, str(value))
    assert launched() == (3, 4, 1, 2)
    assert compute("cpu").threads == max(1, alone // 2)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_auto_is_the_cpu_where_there_is_no_gpu_and_cuda_is_refused():
    assert compute("auto", 1).device.type == "cpu"
    with pytest.raises(InputError, match="needs a GPU"):
        compute("cuda", 1)
