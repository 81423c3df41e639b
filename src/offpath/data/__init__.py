"""Random graphs with questions, as tokens, and their true distances.

Axis names used in every annotation of the package: `example` (one graph with one question), `token`
(one edge or the question), `vertex`, `layer`, `head`, `width`, `label` (a true distance); for the
circuits `vertex_token`, its `feature`, `stream_token` (whatever tokens the residual stream has),
`graph` (without a question); `word` (64 random bits); in sampling `chain` and `draw`; `rows`,
`one`, `two` where any may stand. A token is a pair of small integers, so its last axis has size 2.
Vertices are 1..n; 0 pads.
"""
