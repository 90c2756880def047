/// A small chart of one or more lines, as SVG.
struct LineChart: Sendable {
    /// One line.
    struct Line: Sendable {
        var name: String
        var color: String
        /// Points in the chart's units, from left to right.
        var points: [(x: Double, y: Double)]
    }

    /// What stands above.
    var title: String
    /// The lines.
    var lines: [Line]

    static let width = 380.0
    static let height = 220.0
    private static let left = 52.0
    private static let right = 12.0
    private static let top = 30.0
    private static let bottom = 40.0

    /// The chart's SVG elements, drawn from the given corner.
    ///
    /// - Parameters:
    ///   - x: Left edge.
    ///   - y: Upper edge.
    /// - Returns: A group element.
    func svg(x: Double, y: Double) -> String {
        let points = lines.flatMap(\.points)
        let (lowX, highX) = LineChart.range(points.map(\.x))
        let (lowY, highY) = LineChart.range(points.map(\.y))
        let plotWidth = LineChart.width - LineChart.left - LineChart.right
        let plotHeight = LineChart.height - LineChart.top - LineChart.bottom
        func place(_ point: (x: Double, y: Double)) -> String {
            let px = LineChart.left + (point.x - lowX) / (highX - lowX) * plotWidth
            let py = LineChart.top + (highY - point.y) / (highY - lowY) * plotHeight
            return "\(Text.decimal(px, 1)),\(Text.decimal(py, 1))"
        }
        var parts = [
            "<g transform=\"translate(\(x),\(y))\" font-family=\"sans-serif\" font-size=\"11\">",
            "<text x=\"\(LineChart.left)\" y=\"18\" font-size=\"13\" font-weight=\"bold\">\(title)</text>",
            "<rect x=\"\(LineChart.left)\" y=\"\(LineChart.top)\" width=\"\(plotWidth)\" height=\"\(plotHeight)\" "
                + "fill=\"none\" stroke=\"#bbb\"/>",
        ]
        for (value, position) in [(highY, LineChart.top + 9), (lowY, LineChart.top + plotHeight)] {
            parts.append(
                "<text x=\"\(LineChart.left - 4)\" y=\"\(position)\" text-anchor=\"end\">\(Text.decimal(value, 3))</text>"
            )
        }
        let axis = LineChart.top + plotHeight + 14
        parts.append("<text x=\"\(LineChart.left)\" y=\"\(axis)\">\(Text.decimal(lowX, 0))</text>")
        parts.append(
            "<text x=\"\(LineChart.width - LineChart.right)\" y=\"\(axis)\" text-anchor=\"end\">"
                + "epoch \(Text.decimal(highX, 0))</text>"
        )
        for (index, line) in lines.enumerated() {
            let path = line.points.map(place).joined(separator: " ")
            parts.append(
                "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(line.color)\" stroke-width=\"1.5\"/>"
            )
            parts +=
                line.points.count > 30
                ? []
                : line.points.map(place).map { point in
                    let part = point.split(separator: ",")
                    return "<circle cx=\"\(part[0])\" cy=\"\(part[1])\" r=\"2.5\" fill=\"\(line.color)\"/>"
                }
            let x = LineChart.left + Double(index) * 110
            parts.append("<text x=\"\(x)\" y=\"\(axis + 16)\" fill=\"\(line.color)\">\(line.name)</text>")
        }
        return (parts + ["</g>"]).joined(separator: "\n")
    }

    /// Several charts in two columns, as a whole SVG file.
    static func file(of charts: [LineChart]) -> String {
        let rows = (charts.count + 1) / 2
        let body = charts.enumerated().map {
            $0.element.svg(x: Double($0.offset % 2) * width, y: Double($0.offset / 2) * height)
        }
        let (w, h) = (Int(2 * width), rows * Int(height))
        return
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(w)\" height=\"\(h)\" viewBox=\"0 0 \(w) \(h)\">\n"
            + "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + body.joined(separator: "\n")
            + "\n</svg>\n"
    }

    /// Smallest and largest value, never equal.
    private static func range(_ values: [Double]) -> (Double, Double) {
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        return high > low ? (low, high) : (low - 0.5, low + 0.5)
    }
}
