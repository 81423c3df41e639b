"""What networks do inside: probes, attention, patching, how far they look, which rule they are."""

from typing import Literal

from offpath.results.rows import Result, Rounded, Row

ProbeToken = Literal["edge", "question"]
ProbeTarget = Literal["from_source", "from_target", "to_target", "to_2", "edges", "vertices"]
PatchGroup = Literal["edited", "path", "other", "question", "all"]
ReachLaw = Literal["one end", "both ends", "doubling", "none"]


class ProbedTarget(Row):
    """What a linear probe reads at one layer, on graphs that it was not fitted on."""

    layer: int  # layers done: 0 is the embedding
    token: ProbeToken  # of an edge token, at both of its ends; or of the question token
    target: ProbeTarget  # hops from 1 or from t to an end; d(1,t), d(1,2), edges, or vertices
    bit: int | None = None  # k: tells a distance of k from k + 1 (AUROC); null: the number (R2)
    stratum: str | None = None  # fitted and tested in this stratum alone; null: in all
    count: int  # tested: ends of edge tokens, or questions
    score: Rounded  # R2, or AUROC
    low: Rounded  # lower end of its 95 % interval, which resamples graphs
    high: Rounded  # upper end
    shuffled: Rounded  # the same score of a probe of shuffled labels


class AttentionShare(Row):
    """How much of a head's attention goes to some tokens, averaged over queries."""

    query: ProbeToken  # from edge tokens, or from the question
    key: str  # which tokens it goes to: one of `interpret.attention.KEYS`
    share: Rounded  # of the attention
    even: Rounded  # the share that even attention to all tokens would give
    most: Rounded = 1.0  # the most that it can be: below 1 where some queries have no such tokens

    @property
    def lift(self) -> float:
        """How far the share is from an even one to the most that it can be: 0 to 1, or less.

        >>> AttentionShare(query="edge", key="itself", share=0.5, even=0.25, most=0.75).lift
        0.5
        """
        return (self.share - self.even) / (self.most - self.even) if self.most > self.even else 0.0


class Head(Row):
    """What one head of one layer looks at."""

    layer: int  # 1, 2, ...
    head: int  # 1, 2, ...
    shares: list[AttentionShare]  # of each kind of query to each kind of key
    edge_entropy: Rounded  # of the attention of edge tokens, as a share of that of even attention
    question_entropy: Rounded  # the same of the question
    names: list[str]  # what it does, where a threshold is passed


class Patch(Row):
    """How much of a change of the answer some activations carry from one graph to another."""

    distance: int  # d(1,2) in the graph that activations are taken from
    hop: int | None = None  # of the edited edge on the path from 1; null: all hops
    layer: int  # layers done where they are taken and written
    group: PatchGroup  # which tokens
    at: int | None = None  # hop of the edges of the path in that group; null: does not apply
    pairs: int  # of graphs that differ in one edge
    change: float  # of the model's own answer from one graph to the other: root mean square
    carried: float | None  # share of the change of the answer; null where the answers are equal
    low: float | None  # lower end of its 95 % interval, which resamples pairs
    high: float | None  # upper end


class Ablation(Row):
    """What is lost when a head puts out its mean."""

    layer: int  # 1, 2, ...
    head: int  # 1, 2, ...
    distance: int | None  # true distance of the questions; null: all, each distance alike
    count: int  # questions
    right: float  # accuracy with the head
    right_without: float  # with its mean in its place
    moved: float  # mean absolute change of the answer


class Notice(Row):
    """Whether the question notices that an edge of the only path is gone."""

    distance: int  # length of that path
    hop: int  # of the edge removed, from 1
    layer: int  # layers done
    pairs: int  # graphs, each with an edge of the path and an irrelevant edge removed
    noticed: Rounded  # share of pairs in which the edge of the path changes the stream more


class Cut(Row):
    """Whether cuts of the only path are told that change no degree and leave a dead end."""

    distance: int  # length of the path
    end: int  # 1 or 2: from which the dead end can be followed
    layer: int | None  # layers done, read by a probe of the question; null: by the answer itself
    pairs: int  # of a graph and its cut twin, in the test of each depth
    shares: list[Rounded]  # told, by hops from that end to the dead end, 1, 2, ...; chance is 1/2


class Reach(Row):
    """How far a network looks by layer."""

    layers: list[int | None]  # first layer that notices every edge, of paths of length 1, 2, ...
    hops_per_layer: Rounded | None  # longer paths by layer; null: too few, or all in the same layer
    hops_low: Rounded | None  # lower end of its 95 % interval, which resamples graphs
    hops_high: Rounded | None  # upper end; null: none
    law: ReachLaw  # the law of search that fits these layers best, if one fits


class RuleAgreement(Row):
    """How often a network gives the wrong answers of a bounded rule."""

    rule: str  # name of the rule
    title: str  # for readers
    questions: str  # "trained": t = 2; or a stratum of test e
    errors: int  # wrong answers of the network, on which the rule is wrong too
    agreement: Rounded | None  # share of these with the rule's answer; null: fewer than 30
    chance: Rounded | None  # what independent errors give, see `interpret.rule_agreement`
    low: Rounded | None  # lower end of the 95 % interval of agreement less chance
    high: Rounded | None  # upper end


class InsideNetwork(Row):
    """One checkpoint, looked into."""

    checkpoint: str  # its name
    mse: float  # of its answers to t = 2, pre-training's question
    right: float  # accuracy on the same
    probes: list[ProbedTarget]  # layer by layer
    heads: list[Head]  # layer by layer
    patches: list[Patch]  # by distance, hop, layer and group of tokens
    ablations: list[Ablation]  # head by head
    notices: list[Notice]  # by distance, hop and layer
    reach: Reach | None  # by edges noticed on paths of each length; null: not measured
    cuts: list[Cut]  # by distance, end and layer
    rules: list[RuleAgreement]  # each rule on each kind of questions
    left_out: list[str]  # what is not measured of it, and why


class AlongStep(Row):
    """Measures at one checkpoint along training."""

    network: str  # whose training
    step: int  # of its training; 0: before the first
    measures: dict[str, Rounded | None]  # by name: see `Inside.measures`


class Onset(Row):
    """When a measure has risen half of its way, along training."""

    network: str  # whose training
    measure: str  # its name
    first: Rounded | None  # its value at the first checkpoint
    last: Rounded | None  # at the last
    step: Rounded | None  # half way between them, on a logarithmic axis; null: it hardly changes


class Inside(Result):
    """What the networks of a run do inside."""

    file, title, verb = "inside", "what networks do inside", "inside"
    lines = False
    max_vertices: int  # vertices of the largest graph; the label of "no path"
    questions: int  # of test e that probes are fitted on, and as many others for the test
    pairs: int  # of graphs, for each distance, in patching; questions of each in ablation
    keys: dict[str, str]  # the kinds of keys of attention, and what they are
    thresholds: dict[str, float]  # of the names of heads and of what is noticed
    measures: dict[str, str]  # the measures along training, and what they are
    networks: list[InsideNetwork]  # those looked into
    along: list[AlongStep]  # checkpoints along training
    onsets: list[Onset]  # when each measure rises
