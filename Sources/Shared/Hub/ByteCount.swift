/// Sizes of files for people.
package enum ByteCount {
    /// A size in the largest unit of which it has at least one: `812 B`, `3.4 MB`, `7.51 GB` (powers of 1,000).
    package static func text(_ bytes: Int) -> String {
        let units = ["B", "kB", "MB", "GB", "TB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 999.5, unit < units.count - 1 {
            value /= 1_000
            unit += 1
        }
        guard unit > 0 else { return "\(bytes) B" }
        let decimals = value < 9.995 ? 100.0 : value < 99.95 ? 10.0 : 1.0
        let rounded = (value * decimals).rounded() / decimals
        return (rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") + " \(units[unit])"
    }
}
