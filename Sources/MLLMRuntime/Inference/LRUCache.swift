/// Values that are kept until their bytes exceed a limit; the one unused for longest goes first.
struct LRUCache<Key: Hashable, Value> {
    private struct Entry {
        let value: Value
        let byteCount: Int
        var tick: UInt64
    }

    /// Most bytes to keep.
    let byteLimit: Int
    /// Bytes of the values that are kept.
    private(set) var byteCount = 0
    private var entries: [Key: Entry] = [:]
    /// Keys by the tick of a use; ticks that are no longer their entry's own are skipped.
    private var uses: [(tick: UInt64, key: Key)] = []
    private var oldestUse = 0
    private var tick: UInt64 = 0

    init(byteLimit: Int) {
        self.byteLimit = byteLimit
    }

    /// How many values are kept.
    var count: Int { entries.count }

    /// The value of a key; counts as a use.
    mutating func value(for key: Key) -> Value? {
        guard let value = entries[key]?.value else { return nil }
        touch(key)
        return value
    }

    /// Keeps a value, unless it alone exceeds the limit.
    mutating func insert(_ value: Value, for key: Key, byteCount size: Int) {
        if let old = entries.removeValue(forKey: key) {
            byteCount -= old.byteCount
        }
        guard size <= byteLimit else { return }
        entries[key] = Entry(value: value, byteCount: size, tick: 0)
        byteCount += size
        touch(key)
        while byteCount > byteLimit {
            let use = uses[oldestUse]
            oldestUse += 1
            if let entry = entries[use.key], entry.tick == use.tick {
                entries.removeValue(forKey: use.key)
                byteCount -= entry.byteCount
            }
        }
    }

    private mutating func touch(_ key: Key) {
        tick += 1
        entries[key]?.tick = tick
        uses.append((tick, key))
        if uses.count > 2 * entries.count + 64 {
            uses = uses[oldestUse...].filter { entries[$0.key]?.tick == $0.tick }
            oldestUse = 0
        }
    }
}
