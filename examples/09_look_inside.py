"""Look inside two networks: a circuit whose inside is known, and one that has learned nothing."""

from offpath.compute import compute
from offpath.data.batches import frozen
from offpath.data.worlds import world
from offpath.fit.checkpoints import new_model
from offpath.handcraft.edge_circuit import edge_circuit
from offpath.interpret.activations import record
from offpath.interpret.attention import heads
from offpath.interpret.probing import probed
from offpath.interpret.questions import parted, questions
from offpath.interpret.reach import looked
from offpath.recipes import recipe

compute("cpu", threads=1)
c = recipe("laptop")  # a trained network: load_model(open_run(folder), "pretrained", "cpu")
networks = {"handcrafted": edge_circuit(c.model, max_vertices=8), "untrained": new_model(c)}
asked = questions(frozen(world("test_e", c.graphs), seed=0, examples=1000)[0])

for name, model in networks.items():
    weights = record(model, asked.batch.tokens[:1]).attention[0]  # (example, head, query, key)
    print(f"{name}: the question looks at itself by {weights[0, 0, -1, -1]:.1%} in head 1.1")
    for row in probed(model, parted(asked)):
        if (row.target, row.bit, row.stratum) == ("from_source", None, None):
            print(f"  layer {row.layer}: hops from 1 to the ends of an edge, R2 {row.score:.2f}")
    for head in heads(model, asked):
        print(f"  head {head.layer}.{head.head}: {', '.join(head.names) or 'no name'}")
    _, reach = looked(model, asked.batch.tokens)
    print(f"  notices paths of 1, 2, ... hops after {reach.layers} layers: {reach.law}")
