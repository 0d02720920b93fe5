/* The inner loops of the fast engine, for where a C compiler is: same results as the numpy code, bit by bit.
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
#define BAND_MULTIPLIER 0xFF51AFD7ED558CCDULL
#define FIRST_SALT 0xA0761D6478BD642FULL
#define SECOND_SALT 0xE7037ED1A0B428DBULL
#define MAP_WORDS 32
#define TOGETHER 8

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

/* Lower case for letters of ASCII; a space for what else of ASCII is no word. Returns whether all of it was ASCII. */
static int fold_ascii(const uint8_t *from, uint8_t *to, int64_t count) {
    uint8_t every = 0;
    for (int64_t place = 0; place < count; place++) {
        uint8_t byte = from[place], lower = byte | 0x20;
        int letter = (uint8_t)(lower - 'a') < 26 && byte < 128, digit = (uint8_t)(byte - '0') < 10;
        to[place] = letter ? lower : (digit | (byte == '_') | (byte >= 128)) ? byte : SPACE;
        every |= byte;
    }
    return every < 128;
}

/* How many bytes of UTF-8 are a sign of typography, see words.py; 0 for another character. */
static int typography(const uint8_t *bytes, int64_t rest) {
    if (rest >= 2 && bytes[0] == 0xC2) return bytes[1] == 0xA0 || bytes[1] == 0xB7 ? 2 : 0;
    if (rest < 3 || bytes[0] != 0xE2) return 0;
    uint8_t last = bytes[2];
    int dash_or_quote = (last >= 0x90 && last <= 0x95) || (last >= 0x98 && last <= 0x9F) || last == 0xA2 || last == 0xA6;
    if (bytes[1] == 0x80) return dash_or_quote ? 3 : 0;
    if (bytes[1] == 0x86) return last >= 0x90 && last <= 0x93 ? 3 : 0;
    return bytes[1] == 0x88 && last == 0x92 ? 3 : 0;
}

/* Put a space for everything of texts in UTF-8 that is no word, as far as it is ASCII or typography.
 *
 * data: bytes; folded: room for as many. ends: where each text ends; one byte lies between texts.
 * odd: (texts), becomes 1 for texts with other characters, which are for the caller to fold.
 */
void fold_texts(const uint8_t *data, const int64_t *ends, int64_t texts, uint8_t *folded, uint8_t *odd) {
    int64_t start = 0;
    for (int64_t text = 0; text < texts; start = ends[text++] + 1) {
        int64_t size = ends[text] - start;
        odd[text] = 0;
        folded[start + size] = SPACE;
        if (fold_ascii(data + start, folded + start, size)) continue;
        for (int64_t place = start; place < ends[text] && !odd[text]; place++) {
            if (data[place] < 128) continue;
            int length = typography(data + place, ends[text] - place);
            odd[text] = length == 0;
            memset(folded + place, SPACE, (size_t)length);
            place += length ? length - 1 : 0;
        }
    }
}

/* One bit for each of eight bytes: is it no space? */
static inline uint64_t eight_flags(const uint8_t *bytes) {
    uint64_t eight, low = 0x7F7F7F7F7F7F7F7FULL;
    memcpy(&eight, bytes, 8);
    eight ^= 0x2020202020202020ULL;
    eight = ((((eight & low) + low) | eight) & ~low) >> 7;
    return eight * 0x0102040810204080ULL >> 56;
}

/* Where words of a text begin and end, in turn. Returns how many edges there are. */
static int64_t word_edges(const uint8_t *text, int64_t size, int32_t *edges) {
    int64_t count = 0;
    uint64_t before = 0;
    for (int64_t start = 0; start < size; start += 64) {
        uint64_t flags = 0;
        int64_t rest = size - start < 64 ? size - start : 64;
        for (int64_t done = 0; done < rest; done += 8) flags |= eight_flags(text + start + done) << done;
        if (rest < 64) flags &= (1ULL << rest) - 1;
        for (uint64_t changes = flags ^ (flags << 1 | before); changes; changes &= changes - 1)
            edges[count++] = (int32_t)(start + __builtin_ctzll(changes));
        before = flags >> 63;
    }
    if (before) edges[count++] = (int32_t)size;
    return count;
}

/* The set of shingles of a text, sorted. Returns its size. */
static int64_t shingle_set(const uint64_t *hashes, int64_t count, int64_t words, uint64_t *set, uint64_t *space) {
    int64_t runs = count - words + 1, size = 1;
    for (int64_t run = 0; run < runs; run++) {
        uint64_t hash = hashes[run];
        for (int64_t word = 1; word < words; word++) hash = hash * MULTIPLIER + hashes[run + word];
        hash = mixed(hash);
        set[run] = hash == PADDING ? PADDING - 1 : hash;
    }
    sort(set, space, runs);
    for (int64_t place = 1; place < runs; place++)
        if (set[place] != set[size - 1]) set[size++] = set[place];
    return size;
}

/* TOGETHER values at once, because then `least` is seldom loaded and stored. */
static void signature(const uint64_t *set, int64_t size, const uint32_t *factors, const uint32_t *summands,
                      int64_t permutations, uint32_t *least) {
    for (int64_t place = 0; place < permutations; place++) least[place] = UINT32_MAX;
    for (int64_t item = 0; item < size; item += TOGETHER) {
        uint32_t high[TOGETHER];
        for (int64_t more = 0; more < TOGETHER; more++)
            high[more] = (uint32_t)(set[item + more < size ? item + more : size - 1] >> 32);
        for (int64_t place = 0; place < permutations; place++) {
            uint32_t lowest = least[place], factor = factors[place], summand = summands[place];
            for (int64_t more = 0; more < TOGETHER; more++) {
                uint32_t value = high[more] * factor + summand;
                lowest = value < lowest ? value : lowest;
            }
            least[place] = lowest;
        }
    }
}

static uint64_t band_key(const uint32_t *values, int64_t rows, uint64_t key) {
    for (int64_t row = 0; row < rows; row++) {
        key = (key ^ values[row]) * BAND_MULTIPLIER;
        key ^= key >> 32;
    }
    return key;
}

static void digest(const uint64_t *set, int64_t size, uint64_t group, uint64_t *both) {
    uint64_t first = 0, second = 0;
    for (int64_t item = 0; item < size; item++) {
        first += mixed(set[item] ^ FIRST_SALT);
        second += mixed(set[item] ^ SECOND_SALT);
    }
    both[0] = mixed(first + group);
    both[1] = mixed(second ^ group);
}

/* Shingle sets, digests and band keys of texts.
 *
 * data: bytes in which everything that is no word is a space; at least nine more after the end of every text.
 * starts, ends, groups: (texts), where each text lies, and the hash of its group.
 * factors, summands, least: (permutations), at least bands * rows; `least` is room to work in.
 * edges: room for two values more than the longest text has bytes.
 * space: room for as many values as the longest text has bytes, plus `words`.
 * shingles: room for the sets, at most half of the bytes plus `words` values for each text.
 * sizes: (texts). digests: (texts, 2). keys: (bands, texts).
 * Returns how many values `shingles` holds.
 */
int64_t sketch_texts(const uint8_t *data, const int64_t *starts, const int64_t *ends, const uint64_t *groups,
                     int64_t texts, int64_t words, const uint32_t *factors, const uint32_t *summands,
                     int64_t permutations, int64_t bands, int64_t rows, uint32_t *least, int32_t *edges,
                     uint64_t *space, uint64_t *shingles, int64_t *sizes, uint64_t *digests, uint64_t *keys) {
    int64_t total = 0;
    for (int64_t text = 0; text < texts; text++) {
        const uint8_t *bytes = data + starts[text];
        uint64_t *set = shingles + total;
        int64_t count = word_edges(bytes, ends[text] - starts[text], edges) / 2;
        for (int64_t word = 0; word < count; word++)
            space[word] = word_hash(bytes + edges[2 * word], edges[2 * word + 1] - edges[2 * word]);
        while (count < words) space[count++] = FILLER;
        int64_t size = shingle_set(space, count, words, set, space);
        signature(set, size, factors, summands, permutations, least);
        for (int64_t band = 0; band < bands; band++)
            keys[band * texts + text] = band_key(least + band * rows, rows, groups[text] + (uint64_t)band);
        digest(set, size, groups[text], digests + 2 * text);
        sizes[text] = size;
        total += size;
    }
    return total;
}

/* A bit of 2048 for each value of a set, shape (sets, MAP_WORDS). Bits that only one of two sets has are values that
 * only one of them has, so they tell most pairs that share too little. */
void bit_maps(const uint64_t *values, const int64_t *sizes, int64_t sets, uint64_t *maps) {
    memset(maps, 0, (size_t)sets * MAP_WORDS * sizeof(uint64_t));
    for (int64_t set = 0; set < sets; values += sizes[set++])
        for (int64_t item = 0; item < sizes[set]; item++)
            maps[set * MAP_WORDS + (values[item] >> 6) % MAP_WORDS] |= 1ULL << values[item] % 64;
}

static inline int64_t differing(const uint64_t *left, const uint64_t *right) {
    int64_t count = 0;
    for (int64_t word = 0; word < MAP_WORDS; word++) count += __builtin_popcountll(left[word] ^ right[word]);
    return count;
}

/* Mark the pairs whose bit maps differ in at most `spare` bits. */
void maps_agree(const uint64_t *maps, const int64_t *left, const int64_t *right, const int64_t *spare, int64_t pairs,
                uint8_t *agree) {
    for (int64_t pair = 0; pair < pairs; pair++)
        agree[pair] = differing(maps + left[pair] * MAP_WORDS, maps + right[pair] * MAP_WORDS) <= spare[pair];
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

/* Find the keys that may stand there more than once: all that do, and a few others.
 *
 * seen: 2**bits zeros. found: room for the places of all keys, ascending. Returns how many were found.
 */
int64_t repeated(const uint64_t *keys, int64_t count, int64_t bits, uint8_t *seen, int64_t *found) {
    int64_t total = 0;
    for (int64_t place = 0; place < count; place++) {
        uint8_t *here = seen + (keys[place] * MULTIPLIER >> (64 - bits));
        *here = *here ? 2 : 1;
    }
    for (int64_t place = 0; place < count; place++) {
        found[total] = place;
        total += seen[keys[place] * MULTIPLIER >> (64 - bits)] == 2;
    }
    return total;
}
