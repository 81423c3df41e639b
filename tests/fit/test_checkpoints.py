import pytest
import torch

from offpath.configs import InputError
from offpath.fit.checkpoints import load_model, new_model, read_tensors, save_model, write_tensors
from offpath.run.folder import Run, create_run


def test_a_model_comes_back_bit_for_bit(run: Run):
    model = new_model(run.configuration)
    save_model(run, "untrained", model)
    again = load_model(run, "untrained", torch.device("cpu"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])


def test_a_missing_checkpoint_says_what_makes_it(run: Run):
    for name, verb in (("pretrained", "offpath pretrain"), ("finetuned", "offpath finetune")):
        with pytest.raises(InputError, match=rf"no checkpoint '{name}' yet.*{verb}"):
            load_model(run, name, torch.device("cpu"))


@pytest.mark.parametrize("where", [3, 40, 300, -1])
def test_one_flipped_bit_anywhere_is_detected(run: Run, where: int):
    path = run.checkpoint("untrained")
    save_model(run, "untrained", new_model(run.configuration))
    content = bytearray(path.read_bytes())
    content[where] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"untrained.safetensors (is damaged|does not fit)"):
        load_model(run, "untrained", torch.device("cpu"))


@pytest.mark.parametrize("kept", [0, 7, 500, -1])
def test_a_file_cut_short_is_detected(run: Run, kept: int):
    save_model(run, "untrained", new_model(run.configuration))
    path = run.checkpoint("untrained")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="is damaged"):
        load_model(run, "untrained", torch.device("cpu"))


def test_weights_of_another_shape_are_refused_in_one_line(run: Run):
    owner = {"run": run.configuration.run_name}
    write_tensors(run.checkpoint("pretrained"), {"readout.weight": torch.zeros(3)}, owner)
    with pytest.raises(InputError, match=r"does not fit config.json") as error:
        load_model(run, "pretrained", torch.device("cpu"))
    assert "\n" not in str(error.value)


def test_weights_of_another_run_are_refused(run: Run, tiny, tmp_path):
    other = create_run(tiny.model_copy(update={"seed": 7}), tmp_path / "runs")
    save_model(run, "untrained", new_model(run.configuration))
    other.checkpoint("untrained").write_bytes(run.checkpoint("untrained").read_bytes())
    with pytest.raises(InputError, match=rf"belongs to another run, {run.configuration.run_name}"):
        load_model(other, "untrained", torch.device("cpu"))


def test_the_same_weights_make_the_same_file(run: Run):
    contents = set()
    for _ in range(8):
        save_model(run, "untrained", new_model(run.configuration))
        contents.add(run.checkpoint("untrained").read_bytes())
    assert len(contents) == 1


def test_notes_travel_with_the_tensors(run: Run):
    path = run.checkpoint("x")
    write_tensors(path, {"a": torch.arange(3)}, {"step": "7"})
    tensors, notes = read_tensors(path)
    assert tensors["a"].tolist() == [0, 1, 2]
    assert notes == {"step": "7"}
