"""Look inside two networks: a circuit whose inside is known, and one that has learned nothing."""

from offpath.compute import compute
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.handcraft.edge_circuit import edge_circuit
from offpath.interpret.activations import record
from offpath.interpret.attention import heads
from offpath.interpret.questions import questions
from offpath.interpret.reach import looked
from offpath.recipes import recipe

compute("cpu", threads=1)
c = recipe("laptop")  # a trained network: load_model(open_run(folder), "pretrained", "cpu")
networks = {"handcrafted": edge_circuit(c.model, max_vertices=8), "untrained": new_model(c)}
asked = questions(frozen(world("test_e", c.graphs), seed=0, examples=500)[0])

for name, model in networks.items():
    last = record(model, asked.batch.tokens[:1]).residual[-1]  # (example, token, width)
    print(f"{name}: the question's stream at the end has the norm {last[0, -1].norm():.2f}")
    for head in heads(model, asked):
        print(f"  head {head.layer}.{head.head}: {', '.join(head.names) or 'no name'}")
    _, reach = looked(model, asked.batch.tokens)
    print(f"  notices paths of 1, 2, ... hops after {reach.layers} layers: {reach.law}")
