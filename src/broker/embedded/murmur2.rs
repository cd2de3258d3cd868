//! Which partition a key goes to, as Java's clients and `murmur2` of librdkafka have it.

/// The partition of a key, of so many.
pub(in crate::broker) fn partition(key: &[u8], partitions: i32) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive).map_or(0, |it| it % partitions.max(1))
}

/// MurmurHash2 with the seed and the signs of Kafka's Java client.
fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(FACTOR);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ mixed.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        let known = [
            ("user", 843_406_574),
            ("blog", 1_305_325_004),
            ("comment", 1_575_283_082),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()) & 0x7fff_ffff, hash, "{key}");
        }
        // From Kafka's own UtilsTest.
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
        assert_eq!(murmur2(b"") as i32, 275_646_681);
    }

    #[test]
    fn a_key_has_a_partition_of_those_there_are() {
        let at = |key: &str, partitions| partition(key.as_bytes(), partitions);
        assert_eq!(["user", "blog", "comment"].map(|it| at(it, 8)), [6, 4, 2]);
        assert_eq!(at("user", 1), 0);
        assert_eq!(at("user", 0), 0);
    }
}
