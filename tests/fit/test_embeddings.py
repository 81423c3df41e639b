import torch

from offpath.data.tokens import encode, pack
from offpath.fit.embeddings import feature_slices, vertex_features
from offpath.fit.transformer import to_device


def test_features_say_what_is_true_of_each_token():
    tokens, _, groups = to_device(pack(encode([(1, 3), (2, 3)], 2, 4)), torch.device("cpu"))
    tokens = torch.cat([torch.tensor([[0, 3]]), tokens])  # the source is vertex 3
    features, (group,) = vertex_features(tokens, ((1, 4),), 4)
    assert groups == ((1, 3),)
    assert group == (1, 5)
    place = feature_slices(4)
    assert features[:4, place["neighbour"]].tolist() == [
        [1, 0, 1, 0],
        [0, 1, 1, 0],
        [1, 1, 1, 0],
        [0, 0, 0, 1],
    ]
    assert torch.equal(features[:4, place["self"]], torch.eye(4))
    assert features[4, place["source"]].tolist() == [0, 0, 1, 0]
    assert features[4, place["target"]].tolist() == [0, 1, 0, 0]
    for flag, where in (("vertex", [0, 1, 2, 3]), ("answer", [4]), ("asking", [2]), ("asked", [1])):
        assert features[:, place[flag]].flatten().nonzero().flatten().tolist() == where
    assert not features[4, place["neighbour"]].any()


def test_the_source_is_vertex_1_where_none_is_named():
    tokens, _, groups = to_device(pack(encode([(1, 3)], 2, 4)), torch.device("cpu"))
    features, _ = vertex_features(tokens, groups, 4)
    assert features[-1, feature_slices(4)["source"]].tolist() == [1, 0, 0, 0]
