"""Weights of torch's own modules into a run folder, and from there into other tools' files."""

from pathlib import Path
from tempfile import mkdtemp

import torch
from torch import nn

from offpath.data.tokens import encode
from offpath.fit.exchange.interop import export_weights, import_weights
from offpath.fit.transformer import predict
from offpath.recipes import recipe

folder = Path(mkdtemp())
layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
theirs = nn.ModuleDict(
    {"embedding": nn.Embedding(7, 8), "transformer_encoder": encoder, "fc_out": nn.Linear(16, 1)}
)
torch.save(theirs.state_dict(), folder / "weights.pth")  # or of a trained model, compiled or not

imported = import_weights(
    folder / "weights.pth", recipe("smoke"), heads=2, norm="post", runs_folder=folder / "runs"
)
print("run", imported.run.configuration.run_name)
print(imported.run.configuration.model)

question = encode([(1, 3), (2, 3)], target=2, max_vertices=5)
tokens = torch.from_numpy(question).long()
x = encoder(theirs["embedding"](tokens).flatten(2), src_key_padding_mask=tokens[:, :, 1] == 0)
print(f"torch's own modules      {theirs['fc_out'](x[:, -1]).item():.6f}")
print(f"the imported network     {predict(imported.model, question)[0]:.6f}")

for name in ("weights.safetensors", "again.pth"):  # with the extras: weights.onnx, and a folder
    print(name, "-", export_weights(imported.run, "pretrained", folder / name))
