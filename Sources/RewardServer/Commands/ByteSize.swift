import ArgumentParser

/// A number of bytes on a command line: `1048576`, `256MiB`, `1.5GiB`, `500MB`.
struct ByteSize: ExpressibleByArgument, Equatable {
    /// Bytes, not negative.
    let count: Int

    private static let units: [(name: String, byteCount: Double)] = [
        ("kib", 0x1p10), ("mib", 0x1p20), ("gib", 0x1p30), ("tib", 0x1p40),
        ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12), ("b", 1), ("", 1),
    ]

    /// - Parameter count: Bytes, not negative.
    init(count: Int) {
        self.count = count
    }

    /// Reads a size; `nil` when it is none or does not fit an integer.
    init?(argument: String) {
        let text = argument.lowercased().filter { $0 != " " }
        guard let unit = Self.units.first(where: { text.hasSuffix($0.name) }),
            let number = Double(text.dropLast(unit.name.count)), number >= 0,
            let count = Int(exactly: (number * unit.byteCount).rounded())
        else { return nil }
        self.count = count
    }

    /// The size in the largest binary unit that it is a whole number of.
    var defaultValueDescription: String {
        let unit = Self.units.prefix(4).last { count > 0 && count % Int($0.byteCount) == 0 }
        let names = ["kib": "KiB", "mib": "MiB", "gib": "GiB", "tib": "TiB"]
        return unit.map { "\(count / Int($0.byteCount))\(names[$0.name] ?? "")" } ?? "\(count)"
    }
}
