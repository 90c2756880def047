/// Metrics in the text format of Prometheus.
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.
struct MetricsText {
    /// The media type of the format.
    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    /// The lines written so far, each with its end.
    private(set) var text = ""

    /// Writes a metric of one kind: a heading and a value for each set of labels.
    ///
    /// - Parameters:
    ///   - name: The metric's name.
    ///   - kind: `counter` or `gauge`.
    ///   - help: One line for people.
    ///   - values: Labels in the order in which to write them, with their value.
    mutating func add(
        _ name: String,
        _ kind: String,
        _ help: String,
        _ values: [(labels: Labels, value: Double)]
    ) {
        head(name, kind, help)
        for (labels, value) in values {
            line(name, labels, value)
        }
    }

    /// Writes a metric that is one number.
    mutating func add(_ name: String, _ kind: String, _ help: String, _ value: Double) {
        add(name, kind, help, [([], value)])
    }

    /// Writes histograms of one metric.
    mutating func add(_ name: String, _ help: String, _ histograms: [(labels: Labels, histogram: Histogram)])
    {
        head(name, "histogram", help)
        for (labels, histogram) in histograms {
            for (bound, count) in zip(histogram.bounds, histogram.counts) {
                line(name + "_bucket", labels + [("le", Self.number(bound))], Double(count))
            }
            line(name + "_bucket", labels + [("le", "+Inf")], Double(histogram.count))
            line(name + "_sum", labels, histogram.sum)
            line(name + "_count", labels, Double(histogram.count))
        }
    }

    /// Names and values of labels.
    typealias Labels = [(name: String, value: String)]

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }

    private mutating func line(_ name: String, _ labels: Labels, _ value: Double) {
        let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
        text += "\(name)\(pairs.isEmpty ? "" : "{\(pairs)}") \(Self.number(value))\n"
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n", "\r\n": result += "\\n"
            default: result.append(character)
            }
        }
    }

    /// Whole numbers without a fraction.
    private static func number(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }
}
