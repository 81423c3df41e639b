"""Three networks with handcrafted weights: ask them, and watch one of them search."""

from offpath.data.tokens import encode
from offpath.fit.transformer import Transformer, parameter_count, predict
from offpath.handcraft.doubling_circuit import doubling_circuit
from offpath.handcraft.edge_circuit import edge_circuit
from offpath.handcraft.trace import trace
from offpath.handcraft.wide_circuit import wide_circuit
from offpath.recipes import recipe

c = recipe("laptop")
circuits = {
    "wide": wide_circuit(8),
    "doubling": doubling_circuit(8),
    "edge": edge_circuit(c.model, max_vertices=8),  # in the architecture that is trained
}
path = [(1, 6), (4, 6), (4, 8), (3, 8), (3, 7), (2, 7), (2, 5)]
question = encode(path, target=5, max_vertices=8)  # seven hops from vertex 1
for name, model in circuits.items():
    a = model.architecture
    print(
        f"{name:<9} {predict(model, question)[0]:.6f}   {a.layers} layers, {a.width} wide, "
        f"{parameter_count(model):,} parameters"
    )

for state in trace(circuits["edge"], "edge", question):
    ends = (state.from_source, state.from_target)
    near, far = ([v for v, bit in enumerate(end, start=1) if bit > 0.5] for end in ends)
    print(f"layer {state.layer}: from 1 {near}, from 5 {far}: {state.text}")

trained = Transformer(c.model, max_vertices=8)  # the weights are an ordinary state dict
print(trained.load_state_dict(circuits["edge"].state_dict()))
