/* The two inner loops of the fast engine, for where a C compiler is: same results as the numpy code, bit by bit.
 *
 * See words.py, sketch.py and verify.py for what is computed; tests compare both.
 */
#include <stdint.h>
#include <string.h>

#define MULTIPLIER 0x9E3779B97F4A7C15ULL
#define FILLER 0xD6E8FEB86659FD93ULL
#define PADDING 0xFFFFFFFFFFFFFFFFULL
#define SPACE 32
#define RUN 12
#define MOST_SPREAD 4096

static inline uint64_t mixed(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

/* At least eight readable bytes follow the start of every word. */
static inline uint64_t word_hash(const uint8_t *word, int64_t length) {
    uint64_t eight, hash = (uint64_t)length * MULTIPLIER;
    for (int64_t done = 0; done < length; done += 8) {
        int64_t rest = length - done;
        memcpy(&eight, word + done, 8);
        if (rest < 8) eight &= (1ULL << (8 * rest)) - 1;
        hash = mixed(hash ^ eight);
    }
    return hash;
}

static void insert_each(uint64_t *values, int64_t start, int64_t end) {
    for (int64_t place = start + 1; place < end; place++) {
        uint64_t value = values[place];
        int64_t left = place;
        for (; left > start && values[left - 1] > value; left--) values[left] = values[left - 1];
        values[left] = value;
    }
}

/* Put values, which are spread evenly like all good hashes, about where they belong. Returns 0 where they are not. */
static int spread(uint64_t *values, uint64_t *space, int64_t count) {
    uint32_t starts[MOST_SPREAD + 1];
    memset(starts, 0, (size_t)(count + 1) * sizeof(uint32_t));
    for (int64_t place = 0; place < count; place++) starts[(uint64_t)(values[place] >> 32) * count >> 32]++;
    uint32_t total = 0;
    for (int64_t place = 0; place < count; place++) {
        uint32_t here = starts[place];
        if (here > RUN) return 0;
        starts[place] = total;
        total += here;
    }
    for (int64_t place = 0; place < count; place++)
        space[starts[(uint64_t)(values[place] >> 32) * count >> 32]++] = values[place];
    memcpy(values, space, (size_t)count * sizeof(uint64_t));
    return 1;
}

/* Sort in place; `space` has room for as many. Linear for evenly spread values, never slower than n log n. */
static void sort(uint64_t *values, uint64_t *space, int64_t count) {
    if (count <= RUN || (count <= MOST_SPREAD && spread(values, space, count))) {
        insert_each(values, 0, count);
        return;
    }
    for (int64_t start = 0; start < count; start += RUN)
        insert_each(values, start, start + RUN < count ? start + RUN : count);
    uint64_t *from = values, *to = space;
    for (int64_t width = RUN; width < count; width *= 2) {
        for (int64_t start = 0; start < count; start += 2 * width) {
            int64_t middle = start + width < count ? start + width : count;
            int64_t end = start + 2 * width < count ? start + 2 * width : count;
            int64_t left = start, right = middle;
            for (int64_t place = start; place < end; place++) {
                int take_left = right >= end || (left < middle && from[left] <= from[right]);
                to[place] = take_left ? from[left++] : from[right++];
            }
        }
        uint64_t *other = from;
        from = to;
        to = other;
    }
    if (from != values) memcpy(values, from, (size_t)count * sizeof(uint64_t));
}

/* Shingle sets and signatures of texts.
 *
 * data: bytes in which everything that is no word is a space; at least nine spaces at the end.
 * ends: where each text ends, a space.
 * space: room for as many values as `shingles` has.
 * shingles: room for the sets, at most half of the bytes plus `words` values for each text.
 * sizes: (texts). signatures: (texts, permutations), written only where permutations is above 0.
 * Returns how many values `shingles` holds.
 */
int64_t sketch_texts(const uint8_t *data, const int64_t *ends, int64_t texts, int64_t words, const uint32_t *factors,
                     const uint32_t *summands, int64_t permutations, uint64_t *space, uint64_t *shingles,
                     int64_t *sizes, uint32_t *signatures) {
    int64_t position = 0, total = 0;
    for (int64_t text = 0; text < texts; text++) {
        uint64_t *set = shingles + total, *hashes = space;
        int64_t count = 0;
        while (position < ends[text]) {
            while (position < ends[text] && data[position] == SPACE) position++;
            int64_t start = position;
            while (position < ends[text] && data[position] != SPACE) position++;
            if (position > start) hashes[count++] = word_hash(data + start, position - start);
        }
        while (count < words) hashes[count++] = FILLER;
        int64_t runs = count - words + 1;
        for (int64_t run = 0; run < runs; run++) {
            uint64_t hash = hashes[run];
            for (int64_t word = 1; word < words; word++) hash = hash * MULTIPLIER + hashes[run + word];
            hash = mixed(hash);
            set[run] = hash == PADDING ? PADDING - 1 : hash;
        }
        sort(set, space, runs);
        int64_t size = 1;
        for (int64_t place = 1; place < runs; place++)
            if (set[place] != set[size - 1]) set[size++] = set[place];
        uint32_t *least = signatures + text * permutations;
        for (int64_t place = 0; place < permutations; place++) least[place] = UINT32_MAX;
        for (int64_t item = 0; item < size; item++) {
            uint32_t high = (uint32_t)(set[item] >> 32);
            for (int64_t place = 0; place < permutations; place++) {
                uint32_t value = high * factors[place] + summands[place];
                least[place] = value < least[place] ? value : least[place];
            }
        }
        sizes[text] = size;
        total += size;
    }
    return total;
}

/* How many values each pair of sorted sets shares; less where more than `spare` values of both stand alone. */
void count_shared(const uint64_t *values, const int64_t *left_starts, const int64_t *left_sizes,
                  const int64_t *right_starts, const int64_t *right_sizes, const int64_t *spare, int64_t pairs,
                  int64_t *shared) {
    for (int64_t pair = 0; pair < pairs; pair++) {
        const uint64_t *left = values + left_starts[pair], *right = values + right_starts[pair];
        const uint64_t *left_end = left + left_sizes[pair], *right_end = right + right_sizes[pair];
        int64_t count = 0, alone = 0, most = spare[pair];
        while (left < left_end && right < right_end && alone <= most) {
            uint64_t one = *left, other = *right;
            int64_t same = one == other;
            count += same;
            alone += 1 - same;
            left += one <= other;
            right += other <= one;
        }
        shared[pair] = count;
    }
}
