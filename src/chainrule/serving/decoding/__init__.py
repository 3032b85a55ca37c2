"""Decoding: texts, token by token, from a graph that says what may follow; NumPy and whatever runs the graph.

What a **decoder graph** takes and gives (B sequences, T new tokens of each, P tokens before them, S of the source, V
tokens in all; B, T, P and S vary, P may be 0):

    input_ids                      int64 [B, T]           the new tokens
    attention_mask                 int64 [B, P + T]       1 where a token is real; the padding may be on either side
    past_key_<i>, past_value_<i>   float32 [B, H, P, D]   what layer i kept of the tokens before
    cross_key_<i>, cross_value_<i> float32 [B, H, S, D]   what layer i sees of the source (sequence to sequence alone)
    encoder_mask                   int64 [B, S]           which of them are real (sequence to sequence alone)
    position_ids                   int64 [B, T]           only where the net wants them told: real tokens before each
 →  logits                         float32 [B, T, V]      of the token that follows each
    present_key_<i>, present_value_<i>  float32 [B, H, P + T, D]   past and new
    anything else                  [B, T, ...]            kept of each token made, if it is asked for (`attention`)

So the same graph scores a whole text (P = 0) and makes a step (T = 1). A token's position is the number of real ones
before it (`attention_mask`, summed), not its place. Where the mask is 0 inputs hold anything that is finite, and
outputs must be finite too: attention is masked by a large number, not by infinity. A token that is not real changes
nothing of the others.

A causal model's decoder graph is `model.onnx`. Of sequence to sequence `model.onnx` is the encoder, which gives
`cross_key_<i>` and `cross_value_<i>` of `input_ids` and `attention_mask`; the latter goes on as `encoder_mask`. The
decoder is `decoder.onnx`.

`signature.json` says the rest, in `decoding`:

    graph      "model" or "decoder": which graph is the decoder
    start      [id, ...]: what a sequence begins with; of a causal model, before a prompt that is empty
    end        [id, ...]: tokens that end it
    never      [id, ...]: tokens that are never made, such as the padding
    first      id or null: the token that must come first
    positions  the most tokens, start and prompt included, that the net has positions for
    defaults   what a request that says nothing gets, as `settings.Settings` has it

Whoever decodes gives a **run**, inputs by name to outputs by name (`serving.offline.Run`), of torch or of ONNX Runtime
alike: `decode` makes texts of many sources in batches, for scores, parity and files; `engine` is the same step by step,
what comes while others are under way joins them. Of one source each way is a **search** (`greedy`, `sampling`, `beam`):
it is given logits [R, V] of its R rows, and says which tokens follow which rows.

A task whose model writes names its graphs and how it decodes in `model.py` (see `training.writing`, which also makes a
model in training such a run). Its rows' outputs, for metrics, `answer` and `COLUMNS` alike, are those of `rows`: of a
causal model what its graph gives beside logits and caches (P = 0); of sequence to sequence, and of every request, the
texts (`rows.as_outputs`: text as code points, tokens, logprobs, length, score). A request's settings are `settings`.
"""
