/* Fused elementwise kernels of the fast path. Matrix products stay with torch (oneDNN).
 *
 * Compiled once per machine, with -DSTORAGE_BF16 for bfloat16 activations and without it for float32.
 * All arithmetic is float32; only loads and stores are narrow. Matrices are row-major; `ld` is the
 * distance between rows in elements. Loops over rows run in parallel with a fixed schedule and no
 * shared accumulators, so results do not depend on timing.
 *
 * Attention works on a padded copy: examples are sorted by padded length; example d of n_examples has
 * `length[d]` tokens, the first of which is entry `start[d]` of `place`, the list of token rows; it is padded to
 * `padded[d]` rows, and its block in a head buffer begins at row `offset[d]` (rows counted per head):
 * block[head][row][dim]. A token row may have several copies in the blocks, all at one position: those of token t are
 * entries `begin[t]` to `begin[t + 1]` of `example` and `position`. The first is its own; the `shared[d]` leading rows
 * of an example are further copies.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef STORAGE_BF16
typedef uint16_t element;
static inline float get(element v) {
    union { uint32_t u; float f; } bits = {(uint32_t)v << 16};
    return bits.f;
}
static inline element put(float v) { /* round to nearest, ties to even */
    union { float f; uint32_t u; } bits = {v};
    return (element)((bits.u + 0x7FFFu + ((bits.u >> 16) & 1u)) >> 16);
}
#else
typedef float element;
static inline float get(element v) { return v; }
static inline element put(float v) { return v; }
#endif

/* exp(x), relative error below 2e-7 for x in [-87, 88]; vectorises, unlike a call to expf. NaN stays NaN. */
static inline float fast_exp(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { int32_t i; float f; } scale = {((int32_t)n + 127) << 23};
    return p * scale.f;
}

/* sum = h + y (y may be NULL); x = sum / rms(sum) * w; rstd per row. sum may alias h. */
void add_rmsnorm(const element *h, const element *y, const float *w, element *sum, element *x, float *rstd,
                 int64_t rows, int64_t width, int64_t ld_x, float eps) {
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < rows; t++) {
        const element *ht = h + t * width, *yt = y ? y + t * width : 0;
        element *st = sum + t * width, *xt = x + t * ld_x;
        float square = 0.0f;
        if (yt) {
#pragma omp simd reduction(+ : square)
            for (int64_t j = 0; j < width; j++) {
                element narrow = put(get(ht[j]) + get(yt[j]));
                float v = get(narrow);
                st[j] = narrow;
                square += v * v;
            }
        } else {
#pragma omp simd reduction(+ : square)
            for (int64_t j = 0; j < width; j++) square += get(ht[j]) * get(ht[j]);
            if (st != ht) memcpy(st, ht, width * sizeof(element));
        }
        float r = 1.0f / sqrtf(square / width + eps);
        rstd[t] = r;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) xt[j] = put(get(st[j]) * r * w[j]);
    }
}

/* dh += gradient of rmsnorm at h for upstream dx + dx2 (dx2 may be NULL). */
void rmsnorm_backward(const element *dx, const element *dx2, const element *h, const float *rstd, const float *w,
                      element *dh, int64_t rows, int64_t width, int64_t ld_dx) {
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < rows; t++) {
        const element *g = dx + t * ld_dx, *g2 = dx2 ? dx2 + t * width : 0, *ht = h + t * width;
        element *out = dh + t * width;
        float r = rstd[t], dot = 0.0f, buffer[width];
        if (g2) {
#pragma omp simd reduction(+ : dot)
            for (int64_t j = 0; j < width; j++) {
                buffer[j] = (get(g[j]) + get(g2[j])) * w[j];
                dot += buffer[j] * get(ht[j]);
            }
        } else {
#pragma omp simd reduction(+ : dot)
            for (int64_t j = 0; j < width; j++) {
                buffer[j] = get(g[j]) * w[j];
                dot += buffer[j] * get(ht[j]);
            }
        }
        float c = dot * r * r * r / width;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) out[j] = put(get(out[j]) + r * buffer[j] - c * get(ht[j]));
    }
}

/* m = silu(g) * u, with g and u the two halves of each row of gu. */
void swiglu(const element *gu, element *m, int64_t rows, int64_t width, int64_t ld_m) {
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < rows; t++) {
        const element *g = gu + t * 2 * width, *u = g + width;
        element *out = m + t * ld_m;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float v = get(g[j]);
            out[j] = put(v / (1.0f + fast_exp(-v)) * get(u[j]));
        }
    }
}

/* Gradient of swiglu for upstream dm + dm2 (dm2 may be NULL), written over gu. */
void swiglu_backward(const element *dm, const element *dm2, element *gu, int64_t rows, int64_t width, int64_t ld_dm) {
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < rows; t++) {
        element *g = gu + t * 2 * width, *u = g + width;
        const element *d1 = dm + t * ld_dm, *d2 = dm2 ? dm2 + t * width : d1;
        float second = dm2 ? 1.0f : 0.0f;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) {
            float d = get(d1[j]) + second * get(d2[j]);
            float v = get(g[j]), up = get(u[j]);
            float sigmoid = 1.0f / (1.0f + fast_exp(-v));
            u[j] = put(d * v * sigmoid);
            g[j] = put(d * up * sigmoid * (1.0f + v * (1.0f - sigmoid)));
        }
    }
}

/* Rotate queries and keys and copy all heads into padded per-example blocks; padding rows are zero.
 * qkv rows: q heads, k heads, v heads. cosine, sine: one row of dim / 2 per position. */
void rope_split(const element *qkv, element *q, element *k, element *v, const float *cosine, const float *sine,
                const int64_t *place, const int64_t *start, const int64_t *length, const int64_t *padded,
                const int64_t *offset, int64_t n_examples, int64_t q_heads, int64_t kv_heads, int64_t dim) {
    int64_t heads = q_heads + 2 * kv_heads, half = dim / 2;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t d = 0; d < n_examples; d++)
        for (int64_t head = 0; head < heads; head++) {
            element *block = head < q_heads ? q + offset[d] * q_heads * dim + head * padded[d] * dim
                             : head < q_heads + kv_heads
                                 ? k + offset[d] * kv_heads * dim + (head - q_heads) * padded[d] * dim
                                 : v + offset[d] * kv_heads * dim + (head - q_heads - kv_heads) * padded[d] * dim;
            int rotate = head < q_heads + kv_heads;
            for (int64_t i = 0; i < length[d]; i++) {
                const element *in = qkv + place[start[d] + i] * heads * dim + head * dim;
                const float *c = cosine + i * half, *s = sine + i * half;
                element *out = block + i * dim;
                if (!rotate) {
                    memcpy(out, in, dim * sizeof(element));
                    continue;
                }
#pragma omp simd
                for (int64_t j = 0; j < half; j++) {
                    float a = get(in[j]), b = get(in[j + half]);
                    out[j] = put(a * c[j] - b * s[j]);
                    out[j + half] = put(b * c[j] + a * s[j]);
                }
            }
            memset(block + length[d] * dim, 0, (padded[d] - length[d]) * dim * sizeof(element));
        }
}

/* The inverse of rope_split for gradients: those of all copies of a token are summed, in float, before they are stored. */
void rope_join(const element *dq, const element *dk, const element *dv, element *dqkv, const float *cosine,
               const float *sine, const int64_t *begin, const int64_t *example, const int64_t *position,
               const int64_t *padded, const int64_t *offset, int64_t n_tokens, int64_t q_heads, int64_t kv_heads,
               int64_t dim) {
    int64_t heads = q_heads + 2 * kv_heads, half = dim / 2;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < n_tokens; t++) {
        int64_t i = position[begin[t]];
        const float *c = cosine + i * half, *s = sine + i * half;
        for (int64_t head = 0; head < heads; head++) {
            int query = head < q_heads, rotate = head < q_heads + kv_heads;
            const element *blocks = query ? dq : rotate ? dk : dv;
            int64_t of_kind = query ? q_heads : kv_heads;
            int64_t number = query ? head : rotate ? head - q_heads : head - q_heads - kv_heads;
            element *out = dqkv + t * heads * dim + head * dim;
            float sum[dim];
            memset(sum, 0, sizeof(sum));
            for (int64_t copy = begin[t]; copy < begin[t + 1]; copy++) {
                int64_t d = example[copy];
                const element *in = blocks + (offset[d] * of_kind + number * padded[d] + i) * dim;
#pragma omp simd
                for (int64_t j = 0; j < dim; j++) sum[j] += get(in[j]);
            }
            if (!rotate) {
#pragma omp simd
                for (int64_t j = 0; j < dim; j++) out[j] = put(sum[j]);
                continue;
            }
#pragma omp simd
            for (int64_t j = 0; j < half; j++) {
                out[j] = put(sum[j] * c[j] + sum[j + half] * s[j]);
                out[j + half] = put(sum[j + half] * c[j] - sum[j] * s[j]);
            }
        }
    }
}

/* Copy head blocks to token rows, from the first copy of each. */
void heads_to_tokens(const element *blocks, element *tokens, const int64_t *begin, const int64_t *example,
                     const int64_t *position, const int64_t *padded, const int64_t *offset, int64_t n_tokens,
                     int64_t heads, int64_t dim, int64_t ld) {
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < n_tokens; t++) {
        int64_t d = example[begin[t]], i = position[begin[t]];
        for (int64_t head = 0; head < heads; head++)
            memcpy(tokens + t * ld + head * dim, blocks + (offset[d] * heads + head * padded[d] + i) * dim,
                   dim * sizeof(element));
    }
}

/* Copy token rows (plus second, unless NULL; its rows are heads * dim wide) to head blocks, each to its first copy;
 * further copies and padding rows are zero. */
void tokens_to_heads(const element *tokens, const element *second, element *blocks, const int64_t *place,
                     const int64_t *shared, const int64_t *start, const int64_t *length, const int64_t *padded,
                     const int64_t *offset, int64_t n_examples, int64_t heads, int64_t dim, int64_t ld) {
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t d = 0; d < n_examples; d++)
        for (int64_t head = 0; head < heads; head++) {
            element *block = blocks + offset[d] * heads * dim + head * padded[d] * dim;
            memset(block, 0, shared[d] * dim * sizeof(element));
            for (int64_t i = shared[d]; i < length[d]; i++) {
                int64_t t = place[start[d] + i];
                const element *row = tokens + t * ld + head * dim;
                element *out = block + i * dim;
                if (!second) {
                    memcpy(out, row, dim * sizeof(element));
                    continue;
                }
                const element *more = second + (t * heads + head) * dim;
#pragma omp simd
                for (int64_t j = 0; j < dim; j++) out[j] = put(get(row[j]) + get(more[j]));
            }
            memset(block + length[d] * dim, 0, (padded[d] - length[d]) * dim * sizeof(element));
        }
}

/* Causal softmax of scale * scores, in place; scores has `rows` rows of `width`, row i sees i % width + 1 columns. */
void causal_softmax(element *scores, int64_t rows, int64_t width, float scale) {
#pragma omp parallel for schedule(static, 16)
    for (int64_t i = 0; i < rows; i++) {
        element *row = scores + i * width;
        int64_t seen = i % width + 1;
        float top = get(row[0]), sum = 0.0f, buffer[width];
#pragma omp simd reduction(max : top)
        for (int64_t j = 0; j < seen; j++) top = get(row[j]) > top ? get(row[j]) : top;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < seen; j++) {
            buffer[j] = fast_exp((get(row[j]) - top) * scale);
            sum += buffer[j];
        }
        float inverse = 1.0f / sum;
#pragma omp simd
        for (int64_t j = 0; j < seen; j++) row[j] = put(buffer[j] * inverse);
        memset(row + seen, 0, (width - seen) * sizeof(element));
    }
}

/* Gradient of causal_softmax, written over upstream: scale * p * (dp - sum(p * dp)). */
void causal_softmax_backward(const element *p, element *dp, int64_t rows, int64_t width, float scale) {
#pragma omp parallel for schedule(static, 16)
    for (int64_t i = 0; i < rows; i++) {
        const element *pi = p + i * width;
        element *di = dp + i * width;
        int64_t seen = i % width + 1;
        float dot = 0.0f;
#pragma omp simd reduction(+ : dot)
        for (int64_t j = 0; j < seen; j++) dot += get(pi[j]) * get(di[j]);
#pragma omp simd
        for (int64_t j = 0; j < seen; j++) di[j] = put(scale * get(pi[j]) * (get(di[j]) - dot));
        memset(di + seen, 0, (width - seen) * sizeof(element));
    }
}

/* loss[i] = -log softmax(logits[i])[target[i]]; with gradient = 1 logits become softmax - onehot. */
void cross_entropy(element *logits, const int64_t *target, float *loss, int64_t rows, int64_t width, int64_t gradient) {
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < rows; i++) {
        element *row = logits + i * width;
        float top = get(row[0]), sum = 0.0f;
#pragma omp simd reduction(max : top)
        for (int64_t j = 0; j < width; j++) top = get(row[j]) > top ? get(row[j]) : top;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < width; j++) sum += fast_exp(get(row[j]) - top);
        loss[i] = logf(sum) + top - get(row[target[i]]);
        if (!gradient) continue;
        float hit = fast_exp(get(row[target[i]]) - top) / sum - 1.0f, inverse = 1.0f / sum;
#pragma omp simd
        for (int64_t j = 0; j < width; j++) row[j] = put(fast_exp(get(row[j]) - top) * inverse);
        row[target[i]] = put(hit);
    }
}
